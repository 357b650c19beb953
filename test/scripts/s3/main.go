// An S3 server in memory, over TLS, that checks the requests' signatures. Its port is the first line of its output; it ends
// with its standard input.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// For the library an empty delimiter is one that is between all letters; for S3, and restic, it is none.
type storage struct{ *s3mem.Backend }

func (s storage) ListBucket(ctx context.Context, name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if prefix != nil && prefix.Delimiter == "" {
		plain := *prefix
		plain.HasDelimiter = false
		prefix = &plain
	}
	return s.Backend.ListBucket(ctx, name, prefix, page)
}

// Arguments: files with the certificate and its key. The environment has the one account.
func main() {
	account := map[string]string{os.Getenv("AWS_ACCESS_KEY_ID"): os.Getenv("AWS_SECRET_ACCESS_KEY")}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := gofakes3.New(storage{s3mem.New()}, gofakes3.WithV4Auth(account), gofakes3.WithLogger(gofakes3.DiscardLog()))
	panic(http.ServeTLS(listener, server.Server(), os.Args[1], os.Args[2]))
}
