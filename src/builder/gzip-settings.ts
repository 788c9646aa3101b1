/** How layers are compressed. This takes a third of the time of zlib's level 6 and gives 5% more bytes. */
export const GZIP = { library: "libdeflate", level: 1 } as const;

/** Size of a block, each of which is compressed separately. Larger blocks would hardly make a layer smaller. */
export const BLOCK_BYTES = 1 << 20;

/** How much compression gives way to the rest of a build, from 0 to 19. It still gets a tenth of a processor. */
export const NICENESS = 10;
