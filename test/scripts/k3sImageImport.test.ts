import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseFacts } from "../../components/host/facts.ts";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

const id = (digit: string) => `sha256:${digit.repeat(64)}`;
const IMAGE = "twisterlab/mcp-unified:dev";
const NAME = `docker.io/${IMAGE}`;

describe("on the host", () => {
  let host: ScratchHost;
  const input = (more: Parameters = {}) =>
    renderParameters({ item: "k3s-image", image: IMAGE, name: NAME, source: "docker", ...more });

  /**
   * containerd is a folder with a file an image: its ID, and whether it is pinned. Docker is one with IDs; what it saves is
   * the image's name and ID.
   */
  const STUBS = `
    timeout() { shift; "$@"; }
    need_commands() { :; }
    df() { printf 'Avail 1B-blocks\\n%s\\n' "$(< "$RUN/df")"; }
    file_of() { printf '%s' "$RUN/$1/\${2//\\//_}"; }
    docker() {
      case $* in
        info*) cat -- "$RUN/docker-driver" ;;
        "image inspect --format {{.Id}} "*) cat -- "$(file_of docker "\${*: -1}")" ;;
        "image inspect --format {{.Size}} "*) echo 1000 ;;
        "image save "*) printf '%s %s\\n' "$3" "$(cat -- "$(file_of docker "$3")")"; [[ ! -e $RUN/docker-breaks ]] ;;
      esac
    }
    k3s() {
      [[ -e $RUN/containerd ]] || return 1
      case $1 in
        crictl)
          [[ $* != *json ]] || (
            cd -- "$RUN/containerd"
            images=
            for file in *; do
              [[ -e $file ]] || continue
              read -r id pinned < "$file"
              [[ $file == sha256:* ]] || images+=",{\\"id\\": \\"$id\\", \\"repoTags\\": [\\"\${file//_//}\\"], \\"pinned\\": $pinned}"
            done
            printf '{"images": [%s]}\\n' "\${images#,}"
          ) ;;
        ctr)
          shift 4
          case $* in
            "import -")
              read -r name id
              cat > /dev/null
              [[ ! -e $RUN/other-id ]] || id=$(< "$RUN/other-id")
              echo "$id false" > "$RUN/imported"
              # As Kubernetes does as soon as it hears of an image.
              cp -- "$RUN/imported" "$RUN/containerd/$id"
              mv -- "$RUN/imported" "$(file_of containerd "docker.io/$name")" ;;
            list)
              echo "REF TYPE DIGEST SIZE PLATFORMS LABELS"
              for file in "$RUN"/containerd/*; do
                [[ ! -e $file ]] || (read -r id _ < "$file"; name=\${file##*/}; echo "\${name//_//} manifest digest-of-$id 1 MiB linux/amd64 -")
              done ;;
            label*) [[ ! -e $RUN/no-labels ]] || return 0
              read -r id _ < "$(file_of containerd "$2")"
              # In one step, as containerd keeps it.
              if [[ $3 == *=pinned ]]; then echo "$id true"; else echo "$id false"; fi > "$RUN/label"
              mv -- "$RUN/label" "$(file_of containerd "$2")" ;;
            tag*) cp -- "$(file_of containerd "$3")" "$(file_of containerd "$4")" ;;
            rm*) rm -- "$(file_of containerd "$2")" ;;
            *) return 1 ;;
          esac ;;
      esac
    }`;

  beforeEach(() => {
    host = scratchHost(STUBS);
    mkdirSync(host.at("containerd"));
    host.write("df", "1000000 2000000\n");
    host.write("docker-driver", '[["Backing Filesystem","extfs"]]\n');
    inDocker(id("a"));
  });
  afterEach(() => {
    host.remove();
  });

  const inDocker = (imageId: string) => {
    host.write("docker/twisterlab_mcp-unified:dev", `${imageId}\n`);
  };
  /** By name: ID and whether it is pinned. */
  const inK3s = () =>
    Object.fromEntries(
      host
        .list("containerd")
        .filter((name) => !name.startsWith("sha256:"))
        .map((name) => [name.replaceAll("_", "/"), host.read(`containerd/${name}`)?.trim()]),
    );
  /** What Kubernetes keeps under an ID. */
  const ids = () => host.list("containerd").filter((name) => name.startsWith("sha256:"));

  test("an image is imported, verified and pinned, once", () => {
    expect(host.run("k3s-image import", input({ id: id("a") }))).toEqual({
      code: 0,
      stdout: `imported ${NAME}, ${id("a")}\n`,
      stderr: "",
    });
    expect(inK3s()).toEqual({ [NAME]: `${id("a")} true` });
    // Docker is not asked again.
    host.stub("docker() { return 1; }");
    expect(host.run("k3s-image import", input({ id: id("a") })).stdout).toBe(`${NAME} is ${id("a")}\n`);
    expect(host.list("state/armed")).toEqual([]);
  });

  test("without a declared ID the one that Docker has counts, and is recorded", () => {
    host.run("k3s-image import", input());
    expect(host.read("state/items/k3s-image/id")).toBe(`${id("a")}\n`);
    inDocker(id("b"));
    expect(host.run("k3s-image import", input()).stdout).toBe(`imported ${NAME}, ${id("b")}\n`);
    // Docker may clear away what K3s has; it is what was imported.
    host.stub("docker() { [[ $1 == info ]]; }");
    expect(host.run("k3s-image import", input()).stdout).toBe(`${NAME} is ${id("b")}\n`);
  });

  test("a pin that was taken off comes back, without another import", () => {
    host.run("k3s-image import", input());
    host.write("containerd/docker.io_twisterlab_mcp-unified:dev", `${id("a")} false\n`);
    expect(host.run("k3s-image import", input()).stdout).toBe(`${NAME} is ${id("a")}\n`);
    expect(inK3s()).toEqual({ [NAME]: `${id("a")} true` });
  });

  test.each([
    [
      "Docker has another ID than was declared",
      () => {
        inDocker(id("b"));
      },
      `is ${id("b")}, the site file wants ${id("a")}`,
    ],
    [
      "Docker has none",
      () => {
        host.stub("docker() { [[ $1 == info ]]; }");
      },
      `Docker has no image ${IMAGE}`,
    ],
    [
      "Docker does not answer",
      () => {
        host.stub("docker() { return 1; }");
      },
      "Docker does not answer",
    ],
    [
      "Docker's IDs are others",
      () => {
        host.write("docker-driver", '[["driver-type","io.containerd.snapshotter.v1"]]');
      },
      "give an archive of docker save instead",
    ],
    [
      "K3s is down",
      () => {
        host.stub("k3s() { return 1; }");
      },
      "K3s' containerd does not answer",
    ],
    [
      "there is no room for it",
      () => {
        host.write("df", "251999 2000000\n");
      },
      "takes about 2000 bytes, /var/lib/rancher has 251999 free of 2000000",
    ],
  ])("refused when %s", (_, given, reason) => {
    given();
    const { code, stderr } = host.run("k3s-image import", input({ id: id("a") }));
    expect(stderr).toContain(reason);
    expect(code).toBe(65);
    expect(inK3s()).toEqual({});
  });

  test.each([
    ["Docker breaks off", "docker-breaks", ""],
    ["something else arrives", "other-id", id("f")],
    ["it cannot be pinned", "no-labels", ""],
  ])("what stood there is back when %s", (_, file, content) => {
    host.stub('wait_until() { shift; "$@"; }');
    expect(host.run("k3s-image import", input()).code).toBe(0);
    inDocker(id("b"));
    host.write(file, content);
    expect(host.run("k3s-image import", input()).code).toBe(70);
    expect(inK3s()).toEqual({ [NAME]: `${id("a")} true` });
    expect(host.read("state/items/k3s-image/id")).toBe(`${id("a")}\n`);
  });

  test("nothing is left of a first import that failed", () => {
    host.write("docker-breaks", "");
    expect(host.run("k3s-image import", input()).code).toBe(70);
    expect(inK3s()).toEqual({});
    expect(host.run("k3s-image undo", input()).code).toBe(0);
  });

  describe("an undo", () => {
    const mine = () => {
      host.write("containerd/docker.io_twisterlab_mcp-unified:dev", `${id("0")} false\n`);
    };

    test("removes what was imported", () => {
      host.run("k3s-image import", input());
      expect(ids()).toEqual([id("a")]);
      expect(host.run("k3s-image undo", input()).stdout).toBe(`removed ${NAME}\n`);
      expect(inK3s()).toEqual({});
      expect(ids()).toEqual([]);
      expect(host.list("state/items")).toEqual([]);
    });

    test("brings back the image of before us, also after a second import", () => {
      mine();
      host.run("k3s-image import", input());
      expect(inK3s()).toEqual({
        [NAME]: `${id("a")} true`,
        [`${NAME}-before-twisterlab-edge`]: `${id("0")} true`,
      });
      inDocker(id("b"));
      expect(host.run("k3s-image import", input()).code).toBe(0);
      expect(host.run("k3s-image undo", input()).stdout).toBe(`brought back the image ${NAME} of before us\n`);
      expect(inK3s()).toEqual({ [NAME]: `${id("0")} false` });
      // The first of ours went when the second came.
      expect(ids()).toEqual([]);
    });

    test("brings back the pin of an image that had one", () => {
      host.write("containerd/docker.io_twisterlab_mcp-unified:dev", `${id("0")} true\n`);
      host.run("k3s-image import", input());
      host.run("k3s-image undo", input());
      expect(inK3s()).toEqual({ [NAME]: `${id("0")} true` });
    });

    test("leaves an image that somebody has under another name as well", () => {
      host.run("k3s-image import", input());
      host.write("containerd/docker.io_library_other:1", `${id("a")} false\n`);
      host.run("k3s-image undo", input());
      expect(inK3s()).toEqual({ "docker.io/library/other:1": `${id("a")} false` });
      expect(ids()).toEqual([id("a")]);
    });

    test("leaves an image that was there before us", () => {
      inDocker(id("0"));
      mine();
      host.run("k3s-image import", input());
      expect(host.run("k3s-image undo", input()).stdout).toContain("was there before us, and stays");
      expect(Object.keys(inK3s())).toEqual([NAME]);
    });

    test("leaves what somebody else put there since", () => {
      host.run("k3s-image import", input());
      mine();
      expect(host.run("k3s-image undo", input()).stdout).toContain("is another image by now, and stays");
      expect(inK3s()).toEqual({ [NAME]: `${id("0")} false` });
    });

    test("without an import changes nothing", () => {
      mine();
      expect(host.run("k3s-image undo", input()).stdout).toBe(`${NAME} was never imported by us\n`);
      expect(inK3s()).toEqual({ [NAME]: `${id("0")} false` });
    });
  });

  test(
    "killed anywhere, the next run ends where one run would have",
    () => {
      host.write("containerd/docker.io_twisterlab_mcp-unified:dev", `${id("0")} false\n`);
      host.killedBeforeEachCommand("k3s-image import", input(), 6, () => {
        expect(host.run("k3s-image import", input()).code).toBe(0);
        expect(inK3s()).toEqual({
          [NAME]: `${id("a")} true`,
          [`${NAME}-before-twisterlab-edge`]: `${id("0")} true`,
        });
        expect(host.run("k3s-image undo", input()).code).toBe(0);
        expect(inK3s()).toEqual({ [NAME]: `${id("0")} false` });
      });
    },
    KILL_TIMEOUT,
  );

  describe("from an archive of docker save", () => {
    const archive = (tag: string | string[], gzip = false) => {
      const config = "d".repeat(64);
      host.write(`save/blobs/sha256/${config}`, "{}");
      host.write(
        "save/manifest.json",
        JSON.stringify([{ Config: `blobs/sha256/${config}`, RepoTags: [tag].flat(), Layers: [] }]),
      );
      spawnSync("tar", [gzip ? "-czf" : "-cf", host.at("mcp.tar"), "-C", host.at("save"), "manifest.json", "blobs"]);
      return { source: "archive", archive: host.at("mcp.tar"), id: id("d") };
    };
    /** containerd reads the archive's own name. */
    const importTar = `
      stream_import() { mkdir -p "$RUN/unpacked"; tar -xf - -C "$RUN/unpacked"; }
      eval "$(declare -f k3s | sed 's/^k3s/k3s_of_docker/')"
      k3s() {
        if [[ $* == *"import -" ]]; then
          stream_import
          echo "sha256:$(grep -o '[0-9a-f]\\{64\\}' "$RUN/unpacked/manifest.json") false" > "$RUN/containerd/docker.io_twisterlab_mcp-unified:dev"
        else
          k3s_of_docker "$@"
        fi
      }`;

    test.each([false, true])("is imported, compressed or not (%s)", (gzip) => {
      host.stub(importTar);
      expect(host.run("k3s-image import", input(archive(IMAGE, gzip)))).toMatchObject({
        code: 0,
        stdout: `imported ${NAME}, ${id("d")}\n`,
      });
    });

    test.each([
      ["has another image in it", () => archive("twisterlab/api:1"), "is not an archive of docker save with"],
      ["has several", () => archive([IMAGE, "x:1"]), "and nothing else in it"],
      [
        "is none",
        () => {
          host.write("mcp.tar", "no archive");
          return { source: "archive", archive: host.at("mcp.tar"), id: id("d") };
        },
        "is not an archive of docker save",
      ],
      ["is not there", () => ({ source: "archive", archive: host.at("none"), id: id("d") }), "is not there"],
      ["has another ID", () => ({ ...archive(IMAGE), id: id("e") }), `is ${id("d")}, the site file wants ${id("e")}`],
    ])("refused when it %s", (_, given, reason) => {
      const { code, stderr } = host.run("k3s-image import", input(given()));
      expect(stderr).toContain(reason);
      expect(code).toBe(65);
      expect(inK3s()).toEqual({});
    });
  });

  test("what K3s and Docker have are facts", () => {
    host.run("k3s-image import", input());
    const facts = parseFacts(
      `== k3s-images\n${host.call("k3s crictl images --output json").stdout}== docker-images\n${IMAGE} ${id("a")}\n<none>:<none> ${id("b")}\n== end\n`,
      "00",
    );
    expect(facts.k3sImages).toEqual([{ id: id("a"), names: [NAME], pinned: true }]);
    expect(facts.dockerImages).toEqual({ [IMAGE]: id("a") });
    expect(parseFacts("== k3s-images\n{}\n== docker-images\n\n== end\n", "00")).toMatchObject({
      k3sImages: [],
      dockerImages: {},
    });
  });
});
