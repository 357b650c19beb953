import envPaths, { type Paths } from "env-paths";

/** Where this user's files of ours are: state in `data`, the passphrase in `config`, what can be made again in `cache`. */
export function userFolders(): Paths {
  return envPaths("twisterlab-edge", { suffix: "" });
}
