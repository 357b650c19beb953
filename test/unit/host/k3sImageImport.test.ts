import { describe, expect, test } from "vitest";
import { type K3sImage } from "../../../components/host/facts.ts";
import { planK3sImageImport } from "../../../components/host/k3sImageImport.ts";
import { fullImageName, imageSlug } from "../../../components/settings/values/image.ts";
import { blind, seen } from "../../support/observed.ts";
import { phase0With } from "../../support/phase0.ts";

const id = (digit: string) => `sha256:${digit.repeat(64)}`;
const IMAGE = "twisterlab/mcp-unified:dev";
const NAME = `docker.io/${IMAGE}`;

test.each([
  ["redis:7-alpine", "docker.io/library/redis:7-alpine", "redis-7-alpine"],
  ["twisterlab/mcp-unified:dev", NAME, "twisterlab-mcp-unified-dev"],
  ["docker.io/library/redis:7", "docker.io/library/redis:7", "redis-7"],
  ["localhost:5000/api:1.0", "localhost:5000/api:1.0", "localhost-5000-api-1-0"],
  [
    "harbor.twisterlab.local/library/api:1",
    "harbor.twisterlab.local/library/api:1",
    "harbor-twisterlab-local-library-api-1",
  ],
])("%s is %s, and %s in the name of an item", (image, full, slug) => {
  expect(fullImageName(image)).toBe(full);
  expect(imageSlug(image)).toBe(slug);
});

describe("the plan", () => {
  const there = (image: Partial<K3sImage>): K3sImage => ({ id: id("a"), names: [NAME], pinned: true, ...image });
  const declared = { image: IMAGE, id: id("a") };
  const undeclared = { image: IMAGE };

  test.each([
    [
      "blind",
      declared,
      blind,
      "not measured",
      "is imported from this host's Docker, verified by its ID sha256:aaaaaaaaaaaa,",
    ],
    ["with K3s down", declared, seen({ dockerImages: {} }), "not measured", "is imported from"],
    [
      "in K3s",
      declared,
      seen({ k3sImages: [there({})] }),
      "in sync",
      "K3s has twisterlab/mcp-unified:dev, sha256:aaaaaaaaaaaa, pinned",
    ],
    [
      "not in K3s",
      declared,
      seen({ k3sImages: [there({ names: ["docker.io/library/x:1"] })] }),
      "differs",
      "K3s does not have it: ",
    ],
    [
      "another one in K3s",
      declared,
      seen({ k3sImages: [there({ id: id("b") })] }),
      "differs",
      "K3s has sha256:bbbbbbbbbbbb: ",
    ],
    [
      "in K3s, not pinned",
      declared,
      seen({ k3sImages: [there({ pinned: false })] }),
      "differs",
      "may clear it away: it is pinned",
    ],
    [
      "from an archive",
      { ...declared, archive: "/srv/mcp.tar" },
      seen({ k3sImages: [] }),
      "differs",
      "is imported from /srv/mcp.tar",
    ],
    [
      "as Docker has it",
      undeclared,
      seen({ k3sImages: [there({})], dockerImages: { [IMAGE]: id("a") } }),
      "in sync",
      "K3s has",
    ],
    [
      "other than Docker has it",
      undeclared,
      seen({ k3sImages: [there({})], dockerImages: { [IMAGE]: id("c") } }),
      "differs",
      "verified by its ID sha256:cccccccccccc",
    ],
    [
      "gone from Docker, in K3s",
      undeclared,
      seen({ k3sImages: [there({})], dockerImages: {} }),
      "not measured",
      "Docker has none to compare it with",
    ],
    [
      "nowhere",
      undeclared,
      seen({ k3sImages: [], dockerImages: {} }),
      "differs",
      "Docker has no image twisterlab/mcp-unified:dev: up will refuse",
    ],
  ] as const)("%s", (_, args, observation, state, sentence) => {
    const plan = planK3sImageImport(args, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });

  test("says which ID counts when the site file has none", () => {
    const observation = seen({ k3sImages: [], dockerImages: { [IMAGE]: id("c") } });
    expect(planK3sImageImport(undeclared, observation).notes).toEqual([
      `the site file has no ID for ${IMAGE}: the one that Docker has counts, ${id("c")}`,
    ]);
    expect(planK3sImageImport(undeclared, blind).notes).toEqual([
      `the site file has no ID for ${IMAGE}: the one that Docker has counts`,
    ]);
    expect(planK3sImageImport(declared, observation).notes).toBeUndefined();
  });
});

test("phase 0 registers each image after the one before it", async () => {
  const named = await phase0With({
    imageImports: [
      { image: IMAGE, source: "docker" },
      { image: "redis:7-alpine", source: "archive", archive: "/srv/redis.tar", id: id("a") },
    ],
  });
  expect(named("k3s-image-twisterlab-mcp-unified-dev-apply")?.inputs).toMatchObject({
    create: "sudo -n /usr/local/sbin/twisterlab-edge k3s-image import --revision 1",
    delete: "sudo -n /usr/local/sbin/twisterlab-edge k3s-image undo",
    stdin: `item: k3s-image-twisterlab-mcp-unified-dev\nimage: ${IMAGE}\nname: ${NAME}\nsource: docker\n\n`,
  });
  expect(named("k3s-image-redis-7-alpine-apply")?.inputs["stdin"]).toBe(
    `item: k3s-image-redis-7-alpine\nimage: redis:7-alpine\nname: docker.io/library/redis:7-alpine\nsource: archive\narchive: /srv/redis.tar\nid: ${id("a")}\n\n`,
  );
  expect(named("k3s-image-redis-7-alpine")?.dependsOn).toEqual(["k3s-image-twisterlab-mcp-unified-dev-apply"]);
});
