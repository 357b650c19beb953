import { expect, test } from "vitest";
import { phaseStory } from "./support/phaseStory.ts";

phaseStory(
  {
    phase: 1,
    // The benchmark reads for a minute and changes nothing.
    changes: [[["twisterlab-edge:phase1", "diskBenchmark"], undefined]],
    effects: [
      ["lvs --noheadings --units g -o lv_size ubuntu-vg/ubuntu-lv", /^150\.00g$/],
      ["df --output=size -BG / | tail -1", /^14\dG$/],
      ["findmnt -no OPTIONS /", /noatime/],
      ["grep ' / ' /etc/fstab", /noatime,nodiratime/],
      ["docker info --format '{{.LiveRestoreEnabled}} {{.Driver}}'", /^true overlay2$/],
      ["systemctl is-active k3s docker", /^active\nactive$/],
      ["stat -c '%a' /etc/rancher/k3s/registries.yaml", /^600$/],
    ],
    byHand: {
      "entry-point": "echo '# a remark' >> /usr/local/sbin/twisterlab-edge",
      "mount-options": "sed -i 's/,noatime,nodiratime//' /etc/fstab",
      "docker-daemon-json":
        'sed -i \'s/"max-concurrent-downloads": 3/"max-concurrent-downloads": 9/\' /etc/docker/daemon.json',
      "k3s-registries-yaml": "echo '# a remark' >> /etc/rancher/k3s/registries.yaml",
    },
    takenOut: { change: [["twisterlab-edge:phase1", "docker"], undefined], place: "daemon.json" },
    stays: ["root volume"],
  },
  (edge) => {
    test("no secret is on a command line, in a log, in plain state, or in what is said of a file that has one", async () => {
      const { edge: checkout, read, drift } = edge();
      const registries = "/etc/rancher/k3s/registries.yaml";
      const password = (await read(`awk '/password:/ { print $2 }' ${registries}`)).trim().replaceAll('"', "");
      expect(password.length).toBeGreaterThan(20);
      const words = ["--recursive", "--files-with-matches", password, checkout.home, checkout.folder];
      expect((await checkout.run("grep", words)).stdout).toBe("");
      expect(await read(`journalctl --no-pager | grep -c -- '${password}' || true`)).toBe("0\n");
      await read(`sed -i 's/password:.*/password: not-that-one/' ${registries}`);
      const { items } = await drift(1);
      const item = items.find(({ name }) => name === "k3s-registries-yaml");
      expect(item).toMatchObject({ state: "differs", observed: expect.stringContaining("[secret]") as string });
      expect(JSON.stringify(items)).not.toMatch(new RegExp(`not-that-one|${password}`));
    });

    test("a preview shows both values of what was changed", async () => {
      const { read, succeed } = edge();
      await read('sed -i \'s/"max-concurrent-downloads": 3/"max-concurrent-downloads": 8/\' /etc/docker/daemon.json');
      expect(await succeed("preview", 1)).toContain("max-concurrent-downloads 8 -> 3");
      await read('sed -i \'s/"max-concurrent-downloads": 8/"max-concurrent-downloads": 3/\' /etc/docker/daemon.json');
    });
  },
);
