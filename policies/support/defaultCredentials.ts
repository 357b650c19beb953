/** Passwords and keys that charts and images come with. */
const DEFAULTS = ["Harbor12345", "not-a-secure-key", "prom-operator", "minioadmin"];

/** How deep an encoding may be in another one. */
const LAYERS = 3;

/** Says which default credential a text has in it, and how it is written; undefined when it has none. */
export function defaultCredential(text: string): string | undefined {
  return find(text, LAYERS, "");
}

function find(text: string, layers: number, how: string): string | undefined {
  const plain = text.toLowerCase();
  const found = DEFAULTS.find((each) => plain.includes(each.toLowerCase()));
  if (found !== undefined) return `the default credential ${found}${how}`;
  if (layers === 0) return undefined;
  for (const [encoding, decoded] of decodings(text)) {
    const inside = find(decoded, layers - 1, how === "" ? `, in ${encoding}` : how);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** What a text becomes when it is read as an encoding that people use. */
function* decodings(text: string): Iterable<[encoding: string, decoded: string]> {
  // Of both alphabets, and not shorter than the shortest of the defaults.
  for (const [word] of text.matchAll(/[A-Za-z0-9+/_-]{14,}={0,2}/g)) {
    // The word may begin in the middle of a group of four.
    for (const start of [0, 1, 2, 3]) {
      const bytes = Buffer.from(word.slice(start), "base64");
      yield ["base64", bytes.toString("latin1")];
      yield ["base64 of UTF-16", bytes.toString("utf16le")];
    }
  }
  for (const [word] of text.matchAll(/(?:[0-9a-fA-F]{2}){10,}/g)) {
    yield ["hexadecimal", Buffer.from(word, "hex").toString("latin1")];
  }
  if (/%[0-9a-fA-F]{2}/.test(text)) {
    yield ["percent-encoding", text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, code: string) => character(code))];
  }
  if (/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})/.test(text)) {
    const pattern = /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/g;
    yield ["escapes", text.replaceAll(pattern, (_, four?: string, two?: string) => character(four ?? two ?? ""))];
  }
}

function character(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 16));
}
