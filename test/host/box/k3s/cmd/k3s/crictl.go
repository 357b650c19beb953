package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"
	"github.com/urfave/cli/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// crictl asks the machine's containerd over the CRI. It knows the commands that need no running pod.
func crictl(words []string) error {
	connection, err := grpc.NewClient("unix://"+containerdAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	images, pods := cri.NewImageServiceClient(connection), cri.NewRuntimeServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	output := &cli.StringFlag{Name: "output", Aliases: []string{"o"}}
	quiet := &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}
	all := &cli.BoolFlag{Name: "all", Aliases: []string{"a"}}
	app := &cli.App{
		Name:            "crictl",
		HideHelpCommand: true,
		ExitErrHandler:  func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			return fmt.Errorf("No help topic for '%s'", c.Args().First())
		},
		Commands: []*cli.Command{
			{
				Name: "images", Aliases: []string{"image", "img"}, Flags: []cli.Flag{output, quiet},
				Action: func(c *cli.Context) error {
					answer, err := images.ListImages(ctx, &cri.ListImagesRequest{})
					return show(c, answer, err, func(yield func(string, string)) {
						for _, image := range answer.Images {
							yield(image.Id, strings.Join(image.RepoTags, " "))
						}
					})
				},
			},
			{
				Name: "ps", Flags: []cli.Flag{output, quiet, all},
				Action: func(c *cli.Context) error {
					filter := &cri.ContainerFilter{State: &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}}
					if c.Bool("all") {
						filter = nil
					}
					answer, err := pods.ListContainers(ctx, &cri.ListContainersRequest{Filter: filter})
					return show(c, answer, err, func(yield func(string, string)) {
						for _, container := range answer.Containers {
							yield(container.Id, container.GetMetadata().GetName())
						}
					})
				},
			},
			{
				Name: "pods", Flags: []cli.Flag{output, quiet},
				Action: func(c *cli.Context) error {
					answer, err := pods.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
					return show(c, answer, err, func(yield func(string, string)) {
						for _, pod := range answer.Items {
							yield(pod.Id, pod.GetMetadata().GetName())
						}
					})
				},
			},
			{
				Name: "rmi",
				Action: func(c *cli.Context) error {
					if !c.Args().Present() {
						return errors.New("please specify one or more image IDs")
					}
					for _, name := range c.Args().Slice() {
						if err := removeImage(ctx, images, name); err != nil {
							return err
						}
					}
					return nil
				},
			},
		},
	}
	return app.Run(append([]string{"crictl"}, words...))
}

func removeImage(ctx context.Context, images cri.ImageServiceClient, name string) error {
	spec := &cri.ImageSpec{Image: name}
	status, err := images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: spec})
	if err != nil {
		return err
	}
	if status.Image == nil {
		return fmt.Errorf("no such image %s", name)
	}
	if _, err := images.RemoveImage(ctx, &cri.RemoveImageRequest{Image: spec}); err != nil {
		return fmt.Errorf("error of removing image %q: %w", name, err)
	}
	for _, tag := range status.Image.RepoTags {
		fmt.Println("Deleted:", tag)
	}
	return nil
}

// show prints an answer as JSON, as the identifiers alone, or as two columns.
func show(c *cli.Context, answer proto.Message, err error, rows func(yield func(id, name string))) error {
	if err != nil {
		return err
	}
	switch output := c.String("output"); output {
	case "json":
		return (&jsonpb.Marshaler{EmitDefaults: true, Indent: "  "}).Marshal(os.Stdout, answer)
	case "", "table":
		rows(func(id, name string) {
			if c.Bool("quiet") {
				fmt.Println(id)
			} else {
				fmt.Println(id, name)
			}
		})
		return nil
	default:
		return fmt.Errorf("the stand-in's crictl does not know the output format %s", output)
	}
}
