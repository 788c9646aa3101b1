/** Bytes from `start` up to but not including `end`; `0 <= start < end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
