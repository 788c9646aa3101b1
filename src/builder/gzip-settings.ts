/** How layers are compressed. This takes a third of the time of zlib's level 6 and gives 5% more bytes. */
export const GZIP = { library: "libdeflate", level: 1 } as const;

/** How much compression gives way to the rest of a build, from 0 to 19. It still gets a tenth of a processor. */
export const NICENESS = 10;
