/** As much of a host's WebAssembly as is needed here: no library that this project is compiled with declares it. */
export interface WebAssemblyHost {
  readonly validate: (binary: Uint8Array) => boolean
  /** Sizes are pages of 64 KiB. */
  readonly Memory: new (options: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (binary: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: object }
}

/** Undefined where there is none. */
export const webAssemblyHost = (globalThis as { readonly WebAssembly?: WebAssemblyHost }).WebAssembly
