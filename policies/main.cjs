// Whichever language host starts the pack: it is loaded by `require`, in front of which Pulumi puts ts-node. `import` goes past
// that to Node.js itself, which runs TypeScript as it is.
module.exports = import("./index.ts");
