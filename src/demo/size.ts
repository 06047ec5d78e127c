/** Size of the demo corpus in 10^6 bytes; here without the code that makes it, so that a schema can name it. */
export const DEMO_MEGABYTES = { least: 0.1, most: 200, usual: 4 } as const;
