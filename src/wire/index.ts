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
export { commandBytes, readCommand, writeCommand, type Command, type CommandFault, type RamRange } from './command.ts'
export {
  BLOCK_IDSTR,
  BLOCK_PIECE_BYTES,
  BLOCK_VERSION,
  SECTOR_BYTES,
  blockRecordBytes,
  writeBlockRecord,
  type BlockRecord,
} from './block-record.ts'
export {
  DIRTY_BITMAP_IDSTR,
  dirtyBitmapRecordBytes,
  writeDirtyBitmapRecord,
  type DirtyBitmapRecord,
} from './dirty-bitmap-record.ts'
export {
  COLO_MESSAGE_BYTES_MAX,
  COLO_MESSAGE_NUMBER,
  COLO_STATE_IDSTR,
  coloMessageBytes,
  readColoMessage,
  writeColoMessage,
  type ColoDialect,
  type ColoMessage,
  type ColoMessageName,
} from './colo-message.ts'
export { ColoDecoder, type ColoDecoderOptions } from './colo-decoder.ts'
export { DeviceTail, type DeviceTailOptions, type WholeTail } from './device-tail.ts'
export { readPackage, type Package } from './package.ts'
export { deviceFields, type DeviceField } from './device-fields.ts'
export { scanDevices } from './device-scan.ts'
export type { IterableName } from './iterable-sections.ts'
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
export { StreamEncoder, type StreamEncoderOptions } from './stream-encoder.ts'
export { memoryStore, pageApplier, type PageInflater, type PageSink, type PageStore } from './page-applier.ts'
export {
  MULTIFD_DATA_BYTES_MAX,
  MULTIFD_HEADER_BYTES,
  MULTIFD_INIT_BYTES,
  MULTIFD_MAGIC,
  MULTIFD_PAGES_MAX,
  writeMultifdHeader,
  writeMultifdInit,
  type MultifdInit,
  type MultifdMethodName,
  type MultifdPacket,
} from './multifd-packet.ts'
export {
  MultifdDecoder,
  type MultifdDecoderOptions,
  type MultifdDecompressor,
  type MultifdSink,
} from './multifd-decoder.ts'
export { MultifdEncoder, type MultifdCompressor } from './multifd-encoder.ts'
export { MultifdBarrier, type BarrierParty } from './multifd-barrier.ts'
export { MigrationDecoder, type MigrationDecoderOptions } from './migration-decoder.ts'
export { PageSet } from './page-set.ts'
export {
  StreamSummary,
  type BlockSummary,
  type ChannelSummary,
  type DeviceSummary,
  type PageCounts,
  type SectionSummary,
} from './stream-summary.ts'
export { teeSink } from './tee-sink.ts'
