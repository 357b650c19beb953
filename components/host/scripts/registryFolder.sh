# registry-folder make: the folders of the registry's volumes, on a disk other than the system's. Kubernetes gives each to the
# group of the pods that it is for. There is no undo: whatever becomes of the item, every image stays.
#
# Parameters: item, mount (mount point of the disk), path (the folder, below it), folders (names in it, with commas).

registry_folder_make() {
  read_params item mount path folders
  need item mount path folders
  need_commands mountpoint findmnt lsblk realpath
  local path=${PARAM[path]} folder
  [[ ${PARAM[folders]} =~ ^[a-z]+(,[a-z]+)*$ ]] || refuse "'${PARAM[folders]}' are not names of folders"
  is_on_disk_of_its_own "$path" "${PARAM[mount]}" "images would fill it up"
  item_folder "${PARAM[item]}" > /dev/null
  (umask 022 && mkdir -p -- "$path")
  for folder in ${PARAM[folders]//,/ }; do
    # One that is there has its pods' group, and stays as it is.
    [[ -d $path/$folder ]] || mkdir --mode=0750 -- "$path/$folder"
  done
  sync -- "$path"
  say "$path is as wanted"
}
