import { mkdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { scratchHost, type ScratchHost } from "../support/hostScripts.ts";

describe("build-benchmark", () => {
  let host: ScratchHost;
  const input = (more: Parameters = {}) =>
    renderParameters({
      item: "build-benchmark",
      context: host.at("source"),
      dockerfile: "deploy/Dockerfile.mcp",
      full_below: 3600,
      cached_below: 3,
      ...more,
    });

  beforeEach(() => {
    // Docker's tags are files. A build takes as long as \`full\` or \`cached\` say, by a clock of its own.
    host = scratchHost(`
      need_commands() { :; }
      nice() { shift 2; "$@"; }
      ionice() { shift 2; "$@"; }
      timeout() { [[ $1 != --kill-after=* ]] || shift; shift; "$@"; }
      docker() {
        printf '%s\\n' "$*" >> "$RUN/asked"
        local word tag=
        case $1 in
          build)
            for word; do [[ $tag != next ]] || tag=$word; [[ $word != --tag ]] || tag=next; [[ $tag != next && -n $tag ]] && break; done
            if [[ $* == *--no-cache* ]]; then word=full; else word=cached; fi
            [[ ! -e $RUN/$word-fails ]] || { printf 'step 1\\n%s\\n' "$(< "$RUN/$word-fails")" >&2; return 1; }
            [[ ! -e $RUN/$word-hangs ]] || return 124
            # Seconds, as the shell counts them.
            printf '%s' "$(< "$RUN/$word")" > "$RUN/clock"
            mkdir -p "$RUN/tags"; : > "$RUN/tags/\${tag##*:}" ;;
          image)
            case $2 in
              inspect) [[ -e $RUN/tags/\${3##*:} ]] ;;
              rm) rm -- "$RUN/tags/\${3##*:}" ;;
              *) return 1 ;;
            esac ;;
        esac
      }
      awk() {
        if [[ $* == *begun=* ]]; then printf '%s' "$(cat -- "$RUN/clock" 2> /dev/null || echo 0.0)"; else command awk "$@"; fi
      }
    `);
    host.write("source/deploy/Dockerfile.mcp", "FROM scratch\n");
    host.write("full", "1234.5");
    host.write("cached", "2.8");
    mkdirSync(host.at("tags"));
    host.write("tags/somebody-else", "");
  });
  afterEach(() => {
    host.remove();
  });

  test("measures a build from nothing and a cached one, and removes its tag alone", () => {
    expect(host.run("build-benchmark run", input())).toEqual({
      code: 0,
      stdout: "full build: 1234.5 s, below 3600 s: met\ncached build: 2.8 s, below 3 s: met\n",
      stderr: "",
    });
    expect(host.list("tags")).toEqual(["somebody-else"]);
    expect(host.read("asked")).not.toContain("prune");
    const builds = host.read("asked")?.match(/^build .*$/gm) ?? [];
    expect(builds).toHaveLength(2);
    const tail = `--file ${host.at("source")}/deploy/Dockerfile.mcp`;
    expect(builds[0]).toMatch(
      new RegExp(
        `^build --quiet --tag twisterlab-edge/build-benchmark:[0-9a-f-]{36} ${tail} --no-cache -- ${host.at("source")}$`,
      ),
    );
    expect(builds[1]).toContain(`${tail} -- `);
    expect(builds[1]).not.toContain("--no-cache");
  });

  test("keeps its result: a run whose connection dropped is not an hour lost", () => {
    const first = host.run("build-benchmark run", input()).stdout;
    host.stub("docker() { return 1; }");
    expect(host.run("build-benchmark run", input())).toEqual({ code: 0, stdout: first, stderr: "" });
  });

  test("measures again when its inputs change, and after it was told to forget", () => {
    host.run("build-benchmark run", input());
    host.write("cached", "4.0");
    expect(host.run("build-benchmark run", input({ cached_below: 5 })).stdout).toContain(
      "cached build: 4.0 s, below 5 s: met",
    );
    host.run("build-benchmark forget", input());
    expect(host.list("state/items")).toEqual([]);
    expect(host.run("build-benchmark run", input()).stdout).toContain("cached build: 4.0 s, below 3 s: not met");
  });

  test("a limit that is reached exactly is not met", () => {
    host.write("full", "3600.0");
    expect(host.run("build-benchmark run", input()).stdout).toContain("full build: 3600.0 s, below 3600 s: not met");
  });

  test("a build that does not end is cut off, and nothing cached is measured", () => {
    host.write("full-hangs", "");
    host.write("clock", "5460.0");
    expect(host.run("build-benchmark run", input())).toMatchObject({
      code: 0,
      stdout: "full build: cut off after 5460.0 s, below 3600 s: not met\ncached build: not measured\n",
    });
  });

  test("a build that fails is an error with Docker's last line, and leaves no result", () => {
    host.write("full-fails", "ERROR: no such package");
    const { code, stderr } = host.run("build-benchmark run", input());
    expect(code).toBe(70);
    expect(stderr).toContain("the full build of deploy/Dockerfile.mcp failed: ERROR: no such package");
    expect(host.read("state/items/build-benchmark/result")).toBeUndefined();
    expect(host.list("tags")).toEqual(["somebody-else"]);
  });

  test("a cached build that fails takes the first one's tag away too", () => {
    host.write("cached-fails", "ERROR: gone");
    expect(host.run("build-benchmark run", input()).code).toBe(70);
    expect(host.list("tags")).toEqual(["somebody-else"]);
  });

  test("the tag of a run that was killed goes with the next one", () => {
    host.stub('timed_build() { docker build --tag "$(< "$1/tag")" --no-cache; kill -KILL $$; }');
    host.run("build-benchmark run", input());
    expect(host.list("tags")).toHaveLength(2);
    host.run("build-benchmark forget", input());
    expect(host.list("tags")).toEqual(["somebody-else"]);
  });

  test("nothing keeps on renewing the lease after it", () => {
    host.run("lease take", "owner: me\nseconds: 100\n\n");
    const before = host.read("state/lease");
    host.run("build-benchmark run", input());
    // What it was just writing when it was ended may still be on its way.
    host.call("command sleep 0.3");
    const after = host.read("state/lease");
    host.wait(50);
    host.call("command sleep 0.3");
    expect(host.read("state/lease")).toBe(after);
    expect(before?.split("\n")[0]).toBe("me");
  });

  test.each([
    ["the folder is not there", { context: "/nowhere" }, "/nowhere is not a folder of this host"],
    ["the Dockerfile is not there", { dockerfile: "Dockerfile" }, "has no Dockerfile"],
    ["a limit is no number", { full_below: "1h" }, "a limit is no number of seconds"],
  ])("refused when %s", (_, more, reason) => {
    const { code, stderr } = host.run("build-benchmark run", input(more));
    expect(stderr).toContain(reason);
    expect(code).toBe(65);
    expect(host.read("asked")).toBeUndefined();
  });

  test("refused when Docker does not answer", () => {
    host.stub("docker() { return 1; }");
    expect(host.run("build-benchmark run", input())).toMatchObject({
      code: 65,
      stderr: expect.stringContaining("Docker does not answer") as string,
    });
  });
});
