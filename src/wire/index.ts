/** The migration stream, byte for byte: encoders, decoders, limits and the one error. */
export * from './constants.ts'
export { StreamError } from './stream-error.ts'
export { countedName } from './bytes.ts'
export { writeConfiguration, writeHeader, type Configuration } from './header.ts'
export {
  writeEof,
  writeFooter,
  writeSectionEnd,
  writeSectionFull,
  writeSectionPart,
  writeSectionStart,
  type Section,
} from './section.ts'
export {
  ramBlockListBytes,
  writeCompressedPage,
  writeEos,
  writePage,
  writePageHeader,
  writeRamBlockList,
  writeXbzrlePage,
  writeZeroPage,
  type RamBlock,
} from './ram-record.ts'
export { decodeXbzrle, encodeXbzrle, type XbzrleFault } from './xbzrle.ts'
export { readCommand, writeCommand, type Command, type CommandFault, type RamRange } from './command.ts'
export {
  RETURN_PATH_RECORD_BYTES_MAX,
  ReturnPathDecoder,
  returnPathBytes,
  writeReturnPath,
  type ReturnPathDecoderOptions,
  type ReturnPathMessage,
} from './return-path.ts'
export {
  describeDevices,
  readVmDescription,
  splitDeviceTail,
  writeVmDescription,
  type DescribedDevice,
  type DeviceDescription,
  type DeviceSlice,
  type VmDescription,
} from './vm-description.ts'
export { RamBlockTable, RamDecoder, type RamSink } from './ram-decoder.ts'
export { silentSink, type StreamSink } from './stream-sink.ts'
export { StreamDecoder, type StreamDecoderOptions } from './stream-decoder.ts'
