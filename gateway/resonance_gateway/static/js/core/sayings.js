// Sentences of the conversation in other languages than English.

/**
 * What a language says for each command and wish.
 * @typedef {{ commands: Record<string, string[]> }} Says
 */
