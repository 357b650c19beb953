import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { cidr, contains, ipAddress, ipRange, overlap } from "../../../components/settings/values/address.ts";
import { duration } from "../../../components/settings/values/duration.ts";
import { imageId, imageReference, taggedImage } from "../../../components/settings/values/image.ts";
import { caCertificate, sshHostKey, sshPublicKey } from "../../../components/settings/values/key.ts";
import * as names from "../../../components/settings/values/name.ts";
import { type Notation, Refusal } from "../../../components/settings/values/notation.ts";
import { cpu, memory } from "../../../components/settings/values/quantity.ts";
import { cronSchedule } from "../../../components/settings/values/schedule.ts";
import { formatBytes, size, sizeOrNone } from "../../../components/settings/values/size.ts";

const notations: Notation<unknown>[] = [
  ...[cidr, ipAddress, ipRange, duration, imageReference, taggedImage, imageId],
  ...[cpu, memory, cronSchedule, size, sizeOrNone],
  ...Object.values(names),
];

test.each(notations.map((notation) => [notation.what, notation] as const))(
  "%s: its examples are read, and its pattern lets them through",
  (_, { examples, pattern, read }) => {
    for (const example of examples) {
      expect(() => read(example)).not.toThrow();
      expect(example).toMatch(new RegExp(`^(?:${pattern ?? ""})$`));
    }
  },
);

test("what a notation reads, its pattern lets through", () => {
  // Texts that look like values, so that many of them are read.
  const looksLikeOne = fc.stringMatching(/^[a-z0-9/][a-z0-9 ./:,*-]{0,12}[a-zA-Z0-9*]$/);
  fc.assert(
    fc.property(fc.constantFrom(...notations), looksLikeOne, ({ pattern, read }, text) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
        return;
      }
      expect(text).toMatch(new RegExp(`^(?:${pattern ?? ""})$`));
    }),
    { numRuns: 3000 },
  );
});

describe("sizes", () => {
  const unit = fc.constantFrom("kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB");
  const factor = { kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

  test("binary and decimal units are kept apart", () => {
    expect(size.read("150 GiB")).toEqual({ bytes: 161_061_273_600, text: "150 GiB" });
    expect(size.read("15.6 GB")).toEqual({ bytes: 15_600_000_000, text: "15.6 GB" });
    expect(size.read("512MiB")).toEqual({ bytes: 536_870_912, text: "512 MiB" });
    expect(sizeOrNone.read("0 GiB")).toEqual({ bytes: 0, text: "0 GiB" });
  });

  test("the normal form is read as the same size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8000 }), unit, fc.constantFrom("", " "), (amount, name, space) => {
        const read = size.read(`${amount}${space}${name}`);
        expect(read.bytes).toBe(amount * factor[name]);
        expect(size.read(read.text)).toEqual(read);
      }),
    );
  });

  test("more is more", () => {
    const amount = fc.integer({ min: 1, max: 8000 });
    fc.assert(
      fc.property(amount, amount, unit, (one, other, name) => {
        const difference = size.read(`${one} ${name}`).bytes - size.read(`${other} ${name}`).bytes;
        expect(Math.sign(difference)).toBe(Math.sign(one - other));
      }),
    );
  });

  test("without a full unit there is no size, and the hint is one", () => {
    const short = fc.constantFrom("", "k", "M", "G", "T", "m", "g", "Gi", "gb", "mib");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8000 }), short, (amount, name) => {
        const [, hint] = /`(.+?)`/.exec(refusal(size, `${amount}${name}`)) ?? [];
        expect(size.read(hint ?? "").text).toBe(hint);
      }),
    );
  });

  test.each(["", "GiB", "-1 GiB", "+1 GiB", "1,5 GiB", "1e3 GiB", "0x10 GiB", "1 XiB", "Infinity GiB"])(
    "%j is refused",
    (text) => {
      expect(refusal(size, text)).toMatch(/^is not a size/);
    },
  );

  test("figures in messages have the largest unit that fits", () => {
    expect(formatBytes(0)).toBe("0 B");
    expect(formatBytes(2048)).toBe("2 KiB");
    expect(formatBytes(316_753_838_080)).toBe("295 GiB");
    expect(formatBytes(298e9)).toBe("277.53 GiB");
  });
});

describe("durations", () => {
  const seconds = {
    s: 1,
    sec: 1,
    seconds: 1,
    min: 60,
    minutes: 60,
    h: 3600,
    hours: 3600,
    d: 86400,
    days: 86400,
    weeks: 604800,
  };
  const unit = fc.constantFrom(...(Object.keys(seconds) as (keyof typeof seconds)[]));

  test("a number and a unit are that many seconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), unit, fc.constantFrom("", " "), (amount, name, space) => {
        const text = `${amount}${space}${name}`;
        expect(duration.read(text)).toEqual({ seconds: amount * seconds[name], text });
      }),
    );
    expect(duration.read("1.5 h").seconds).toBe(5400);
  });

  test.each([
    ["10", "has no unit; write it like `10 s`"],
    ["2m", "write `2 min`"],
    ["3 months", "has no fixed length"],
    ["1 year", "has no fixed length"],
    ["0 s", "more than zero"],
    ["0.5 s", "whole seconds"],
    ["-3 days", "is not a duration"],
    ["1h30", "is not a duration"],
    ["1 h 30 min", "is not a duration"],
    ["10 ms", "is not a duration"],
    ["", "is not a duration"],
  ])("%j is refused", (text, reason) => {
    expect(refusal(duration, text)).toContain(reason);
  });
});

describe("amounts as Kubernetes writes them", () => {
  test("cores and thousandths of one", () => {
    expect([cpu.read("500m").value, cpu.read("2").value, cpu.read("1.5").value]).toEqual([0.5, 2, 1.5]);
    for (const text of ["0", "0m", "-1", "1.0005", "500 m", "1,5", "two"])
      expect(() => cpu.read(text)).toThrow(Refusal);
  });

  test("bytes, binary and decimal", () => {
    expect([
      memory.read("512Mi").value,
      memory.read("1.5Gi").value,
      memory.read("500M").value,
      memory.read("2k").value,
    ]).toEqual([536_870_912, 1_610_612_736, 500_000_000, 2000]);
    for (const text of ["0Mi", "512", "512m", "512MB", "512 Mi", "Mi", "1e3Mi"]) {
      expect(() => memory.read(text)).toThrow(Refusal);
    }
  });
});

describe("addresses", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const address = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
  const number = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

  test("a range goes from its lower to its higher address, and the other way round is refused with the right one", () => {
    fc.assert(
      fc.property(address, address, (one, other) => {
        const [first, last] = number(one) <= number(other) ? [one, other] : [other, one];
        const range = ipRange.read(`${first} - ${last}`);
        expect(range).toEqual({ first, last, text: `${first}-${last}` });
        expect(ipRange.read(range.text)).toEqual(range);
        if (first !== last) expect(refusal(ipRange, `${last}-${first}`)).toContain(`\`${first}-${last}\``);
      }),
    );
  });

  test("overlap and containment are those of the numbers", () => {
    const range = fc.tuple(address, address).map(([one, other]) => {
      const [first, last] = number(one) <= number(other) ? [one, other] : [other, one];
      return ipRange.read(`${first}-${last}`);
    });
    fc.assert(
      fc.property(range, range, (a, b) => {
        const [aFirst, aLast, bFirst, bLast] = [a.first, a.last, b.first, b.last].map(number) as [
          number,
          number,
          number,
          number,
        ];
        expect(overlap(a, b)).toBe(Math.max(aFirst, bFirst) <= Math.min(aLast, bLast));
        expect(overlap(a, b)).toBe(overlap(b, a));
        expect(contains(a, b)).toBe(aFirst <= bFirst && bLast <= aLast);
      }),
    );
    expect(overlap("192.168.0.0/24", "192.168.0.30")).toBe(true);
    expect(contains("192.168.0.0/24", "192.168.1.0")).toBe(false);
    // The same number is another address in the other version.
    expect(overlap("0.0.0.1", "::1")).toBe(false);
    expect(contains("::/0", "10.0.0.1")).toBe(false);
  });

  test("a network is written with its own address", () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 31 }), (host, prefix) => {
        const [, hint] = /`(.+?)`/.exec(refusal(cidr, `${host}/${prefix}`) || `\`${host}/${prefix}\``) ?? [];
        expect(cidr.read(hint ?? "")).toBe(hint);
        expect(contains(hint ?? "", host)).toBe(true);
      }),
    );
  });

  test.each(["192.168.1", "1", "0x7f.0.0.1", "192.168.0.256", "010.0.0.1x", "", "fe80::1%eth0x y", ":::"])(
    "%j is no address",
    (text) => {
      expect(refusal(ipAddress, text)).toContain("is not an IP address");
    },
  );

  test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "/8", "10.0/8", "fd00::/129"])(
    "%j is no network",
    (text) => {
      expect(refusal(cidr, text)).toContain("is not a network");
    },
  );
});

describe("images", () => {
  test.each([
    "postgres:16-alpine",
    "twisterlab-api",
    "twisterlab/mcp-unified:dev",
    "oliver006/redis_exporter:v1.55.0",
    "harbor.twisterlab.local/library/api:1.2.3",
    "localhost:5000/api:1",
    "registry:5000/team/api",
    `harbor.twisterlab.local:8443/library/api@sha256:${"0a".repeat(32)}`,
    `redis:7@sha256:${"0a".repeat(32)}`,
  ])("%s is one", (image) => {
    expect(imageReference.read(image)).toBe(image);
  });

  test.each([
    "",
    "redis:",
    "redis: 7",
    "-redis",
    "redis//7",
    "redis:7:8",
    "redis@sha256:abc",
    "https://redis:7",
    "redis:-7",
  ])("%j is none", (image) => {
    expect(refusal(imageReference, image)).toContain("is not a container image");
  });

  test("no version and capitals are told apart", () => {
    expect(refusal(imageReference, "redis:latest")).toContain("names no version");
    expect(refusal(imageReference, "TwisterLab/api:1")).toContain("capital letters");
    // Capitals are fine in a tag.
    expect(imageReference.read("redis:7-Alpine")).toBe("redis:7-Alpine");
  });
});

describe("schedules", () => {
  test.each(["0 2 * * *", "*/15 0-6 1,15 * 1-5", "0 0 * JAN SUN"])("%s is one", (schedule) => {
    expect(cronSchedule.read(schedule)).toBe(schedule);
  });

  test.each([
    "",
    "0 2 * *",
    "0 0 2 * * *",
    "61 2 * * *",
    "0 24 * * *",
    "@daily",
    "0 2 L * *",
    "0 2 * * 5#2",
    "at night",
  ])("%j is none", (schedule) => {
    expect(refusal(cronSchedule, schedule)).toContain("five fields");
  });

  test("a Sunday that Kubernetes does not know is refused", () => {
    expect(refusal(cronSchedule, "0 2 * * 7")).toContain("Sunday is 0");
    expect(refusal(cronSchedule, "0 2 * * 1,5-7")).toContain("Sunday is 0");
    expect(cronSchedule.read("0 2 * * */7")).toBe("0 2 * * */7");
  });

  test("one that never comes due is refused", () => {
    expect(refusal(cronSchedule, "0 0 30 2 *")).toBe("never comes due");
  });
});

describe("keys", () => {
  const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIJmMR4Pftz9u09rZW7ab90t5xTw1QE4Elg3GE4t2h3ES";

  test("a host key is kept without its comment", () => {
    expect(`ssh-ed25519 ${blob} root@edgeserver\n`).toMatch(new RegExp(`^(?:${sshHostKey.pattern ?? ""})$`));
    expect(sshHostKey.read(`ssh-ed25519 ${blob} root@edgeserver\n`)).toBe(`ssh-ed25519 ${blob}`);
    expect(sshPublicKey.read(`ssh-ed25519 ${blob} somebody's laptop\n`)).toBe(`ssh-ed25519 ${blob}`);
  });

  test.each([
    [`restrict ssh-ed25519 ${blob}`, "does not begin with a key type"],
    [`command="sh" ssh-ed25519 ${blob}`, "does not begin with a key type"],
    [`ssh-ed25519 ${blob}\nssh-ed25519 ${blob}`, "has several lines"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----", "is a private key"],
    ["ssh-ed25519 AAAA", "is damaged"],
  ])("%j is no public key of somebody", (line, reason) => {
    expect(refusal(sshPublicKey, line)).toContain(reason);
  });

  test.each([
    [`edgeserver ssh-ed25519 ${blob}`, "begins with the host's name"],
    [`ssh-dss ${blob}`, "does not begin with a key type"],
    [`ssh-rsa ${blob}`, "is damaged"],
    ["ssh-ed25519", "is damaged"],
    ["ssh-ed25519 AAAA", "is damaged"],
    ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "is damaged"],
    [`ssh-ed25519 ${blob.slice(0, 30)}!`, "is damaged"],
    [`ssh-ed25519 ${blob}\nssh-ed25519 ${blob}`, "has several lines"],
  ])("%j is refused", (line, reason) => {
    expect(refusal(sshHostKey, line)).toContain(reason);
  });

  test.each([
    ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "has a private key in it"],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "is a damaged certificate"],
    ["AAAA", "is not a certificate in PEM"],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nand more", "is not a certificate in PEM"],
  ])("%j is no certificate authority", (pem, reason) => {
    expect(refusal(caCertificate, pem)).toContain(reason);
  });
});

test("a day is read as Pulumi hands it over, too", () => {
  expect(names.calendarDay.read("2027-03-31 00:00:00 +0000 UTC")).toBe("2027-03-31");
  for (const none of ["2027-03-31 12:00:00 +0000 UTC", "2027-02-30", "31.3.2027", "2027-3-31", "2027-13-01"]) {
    expect(() => names.calendarDay.read(none)).toThrow(Refusal);
  }
});

describe("names", () => {
  const { apiServer, deviceName, dnsLabel, hostName, hostPath, k3sVersion, keyFile, localPath, siteName } = names;

  test.each([
    [siteName, "edge-phase-1", "ends like a stack's name"],
    [siteName, "1edge", "is not a site's name"],
    [dnsLabel, "a".repeat(64), "is longer than the 63 characters"],
    [dnsLabel, "-a", "is not a name"],
    [hostName, "harbor.twisterlab.local:443", "is not a host name"],
    [hostName, "http://harbor", "is a URL"],
    [hostName, "10.0.0.1", "is an address"],
    [hostPath, "/var//log", "is not an absolute path"],
    [hostPath, "/var/log/", "is not an absolute path"],
    [hostPath, "/var/./log", "has `.` or `..` in it"],
    [hostPath, "/var/log/$(reboot)", "is not an absolute path"],
    [deviceName, "/dev/nvme0n1", "like `nvme0n1`"],
    [k3sVersion, "v1.33.6", "is not a version of K3s"],
    [k3sVersion, "v1.33+k3s1", "is not a version of K3s"],
    [k3sVersion, "v1.33.6+k3s1 ", "is not a version of K3s"],
    [apiServer, "https://192.168.0.30:6443/api", "is not the URL"],
    [apiServer, "https://user@192.168.0.30:6443", "is not the URL"],
    [apiServer, "192.168.0.30:6443", "is not the URL"],
    [localPath, "~", "is not an absolute path"],
    [localPath, "/", "is not an absolute path"],
    [localPath, "~someone/key", "is not an absolute path"],
    [keyFile, "./key", "is not an absolute path"],
  ] satisfies [Notation<string>, string, string][])("%#: %o refuses %j", (notation, text, reason) => {
    expect(refusal(notation, text)).toContain(reason);
  });

  test.each([
    [hostPath, "/"],
    [localPath, "C:\\Users\\twister\\.kube\\config"],
    [localPath, "/home/twister/.kube/config"],
    [keyFile, "agent"],
    [k3sVersion, "v1.34.0-rc1+k3s1"],
    [apiServer, "https://edgeserver.twisterlab.local:6443"],
    [apiServer, "https://edgeserver.twisterlab.local:443"],
  ] satisfies [Notation<string>, string][])("%#: %o reads %j as it is", (notation, text) => {
    expect(notation.read(text)).toBe(text);
  });
});

/** The reason for refusing a text, or nothing when it is read. */
function refusal(notation: Notation<unknown>, text: string): string {
  try {
    notation.read(text);
    return "";
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}
