/** A page of a listing: at most `limit` entries after `after`, in ascending byte order. */
export interface PageRequest<Key extends string = string> {
  readonly after?: Key;
  readonly limit: number;
}
