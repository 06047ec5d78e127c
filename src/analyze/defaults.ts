/** Random selections behind each range, and sizes of the samples of diversity, where nothing is asked for. */
export const ANALYSIS_DEFAULTS = { draws: 40, sampleTokens: 50_000, sampleInstances: 200 };
