// Text to ids by the rules in vocabulary.json, which apps/pipeline/vocabulary.py wrote: the same ids as in Python.

/** A rule is [pattern, replacement] in the syntax that RE2 and Python share; JavaScript writes a group as $1. */
function compile([pattern, replacement]) {
  const expression = new RegExp(pattern, "gu"); // u: by characters, not by halves of a pair of surrogates
  const forJavaScript = replacement.replaceAll("$", "$$$$").replace(/\\(\d)/g, "$$$1");
  return (text) => text.replace(expression, forJavaScript);
}

export class Vocabulary {
  /** content: vocabulary.json, parsed. */
  constructor({ words, keep_last: keepLast, rules }) {
    const { unknown, "first word": firstWord } = rules.ids;
    this.unknown = unknown;
    this.keepLast = keepLast;
    this.idOf = new Map(words.map((word, index) => [word, index + firstWord]));
    this.beforeLowerCasing = rules["before lower-casing"].map(compile);
    this.afterLowerCasing = rules["after lower-casing"].map(compile);
  }

  /** "It isn't GREAT... 7/10!" -> it, isn, ’t, great, …, 7, /, 10, ! */
  tokens(text) {
    text = text.toWellFormed(); // half a pair becomes U+FFFD, which is white space
    for (const apply of this.beforeLowerCasing) text = apply(text);
    text = text.toLowerCase();
    for (const apply of this.afterLowerCasing) text = apply(text);
    return text.split(" ").filter((token) => token !== "");
  }

  /** The ids of the last tokens of a text; one unknown token if it has none. */
  ids(text) {
    const ids = this.tokens(text).slice(-this.keepLast).map((token) => this.idOf.get(token) ?? this.unknown);
    return ids.length ? ids : [this.unknown];
  }
}
