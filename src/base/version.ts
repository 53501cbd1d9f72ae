/** @file This package's version, for files that say what made them. */

/** As in package.json, which browsers do not see; a test compares the two. */
export const VERSION = "0.1.0";
