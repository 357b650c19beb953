/** Path of the root-owned program on the host that the host items are carried out by. */
export const ENTRY_POINT = "/usr/local/sbin/twisterlab-edge";
