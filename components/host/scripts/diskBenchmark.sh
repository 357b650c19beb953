# disk-benchmark run: read timings of whole disks and the features of the root filesystem. Reads only.

disk_benchmark_run() {
  read_params item disks root_device
  need item disks root_device
  need_commands hdparm
  local disk
  for disk in ${PARAM[disks]}; do
    [[ $disk =~ ^[a-z0-9]+$ && -b /dev/$disk ]] || refuse "/dev/$disk is not a disk of this host"
  done
  for disk in ${PARAM[disks]}; do
    hdparm -Tt "/dev/$disk" | awk -v disk="$disk" '
      /Timing cached reads/ { printf "%s cached %s MB/s\n", disk, $(NF - 1) }
      /Timing buffered disk reads/ { printf "%s buffered %s MB/s\n", disk, $(NF - 1) }'
  done
  dumpe2fs -h -- "${PARAM[root_device]}" 2> /dev/null \
    | awk -F': *' '/^Filesystem features/ { print "root features " $2 } /^Block size/ { print "root block-size " $2 }' || true
}
