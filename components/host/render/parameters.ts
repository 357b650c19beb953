/** Parameters of one call of the entry point: `name: value` lines, in the order given. */
export type Parameters = Readonly<Record<string, string | number | boolean>>;

/**
 * Standard input of one call of the entry point: the parameters, an empty line, then the content byte for byte.
 * @throws Error when a name or value could not be read back as it is (a line break, an unusual name, an empty value).
 */
export function renderParameters(parameters: Parameters, content = ""): string {
  const lines = Object.entries(parameters).map(([name, value]) => {
    const text = String(value);
    if (!/^[a-z][a-z0-9_]*$/.test(name)) {
      throw new Error(`parameter name "${name}": only a-z, 0-9 and _ can be read on the host`);
    }
    if (text === "" || /[\n\r\0]/.test(text)) {
      throw new Error(`parameter ${name}: an empty value or one with a line break cannot be read on the host`);
    }
    return `${name}: ${text}\n`;
  });
  return `${lines.join("")}\n${content}`;
}
