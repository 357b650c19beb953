package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
)

// destination is the other machine's file system. Paths on it are joined as local ones are, as the official plugin
// does.
type destination struct {
	client *sftp.Client
}

// writeText writes a text to a file, making the folders it is in.
func (d destination) writeText(text, path string) error {
	existing, err := d.stat(path)
	if err != nil {
		return err
	}
	if existing != nil && existing.IsDir() {
		return fmt.Errorf("remote path %s is a directory; when using a text asset, remotePath must be a file path", path)
	}
	if err := d.makeParents(path); err != nil {
		return err
	}
	file, err := d.client.Create(path)
	if err != nil {
		return fmt.Errorf("failed to create remote file %s: %w", path, err)
	}
	defer file.Close()
	if _, err := file.Write([]byte(text)); err != nil {
		return fmt.Errorf("failed to write text content to remote path %s: %w", path, err)
	}
	return nil
}

// copyPath copies a file or a folder.
//
//	source    destination is a folder   is not there     is a file
//	file      into it                   becomes it       overwrites it
//	folder    into it                   into it          fails
//	folder/   its content into it       becomes it       fails
func (d destination) copyPath(source, path string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	existing, err := d.stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return d.copyFolder(source, path, existing)
	}
	switch {
	case existing == nil:
		if err := d.makeParents(path); err != nil {
			return err
		}
	case existing.IsDir():
		path = filepath.Join(path, filepath.Base(source))
	}
	return d.copyFile(source, path)
}

func (d destination) copyFolder(source, path string, existing fs.FileInfo) error {
	if existing == nil {
		if err := d.client.MkdirAll(path); err != nil {
			return fmt.Errorf("failed to create remote directory %s: %w", path, err)
		}
	}
	if !strings.HasSuffix(source, "/") {
		path = filepath.Join(path, filepath.Base(source))
		if err := d.makeFolder(path); err != nil {
			return err
		}
	}
	return fs.WalkDir(os.DirFS(source), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return d.makeFolder(filepath.Join(path, name))
		}
		return d.copyFile(filepath.Join(source, name), filepath.Join(path, name))
	})
}

// copyFile overwrites a file in place: whoever reads it meanwhile sees a part of it.
func (d destination) copyFile(source, path string) error {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := d.client.Create(path)
	if err != nil {
		return fmt.Errorf("failed to create remote file %s: %w", path, err)
	}
	defer to.Close()
	if _, err := to.ReadFrom(from); err != nil {
		return fmt.Errorf("failed to copy file %s to remote path %s: %w", source, path, err)
	}
	return nil
}

func (d destination) makeParents(path string) error {
	if err := d.client.MkdirAll(filepath.Dir(path)); err != nil {
		return fmt.Errorf("failed to create parent directories for %s: %w", path, err)
	}
	return nil
}

func (d destination) makeFolder(path string) error {
	existing, err := d.stat(path)
	switch {
	case err != nil:
		return err
	case existing == nil:
		if err := d.client.Mkdir(path); err != nil {
			return fmt.Errorf("failed to create remote directory %s: %w", path, err)
		}
	case !existing.IsDir():
		return fmt.Errorf("remote path %s exists but is not a directory", path)
	}
	return nil
}

// stat returns nil for what is not there.
func (d destination) stat(path string) (fs.FileInfo, error) {
	info, err := d.client.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("failed to stat remote path %s: %w", path, err)
	}
	return info, nil
}
