package remote

import (
	"context"
	"os"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// CopyFile is the deprecated resource `command:remote:CopyFile`. It has no Update: every change replaces it.
type CopyFile struct{}

var (
	_ infer.Annotated                                       = (*CopyFile)(nil)
	_ infer.CustomResource[CopyFileInputs, CopyFileOutputs] = (*CopyFile)(nil)
)

// CopyFileInputs is what the user gives.
type CopyFileInputs struct {
	Connection *Connection `pulumi:"connection" provider:"secret"`
	Triggers   *[]any      `pulumi:"triggers,optional"`
	LocalPath  string      `pulumi:"localPath"`
	RemotePath string      `pulumi:"remotePath"`
}

// CopyFileOutputs is what is kept in the state.
type CopyFileOutputs struct {
	CopyFileInputs
}

// Annotate describes the resource in the schema.
func (c *CopyFile) Annotate(a infer.Annotator) {
	a.Describe(&c, "A file copied to another machine over SFTP.")
	a.Deprecate(&c, "CopyFile is deprecated: use CopyToRemote.")
}

// Annotate describes the inputs in the schema.
func (i *CopyFileInputs) Annotate(a infer.Annotator) {
	a.Describe(&i.Connection, "How to reach the machine.")
	a.Describe(&i.Triggers, "Values of any type. A change in one of them replaces the resource.")
	a.Describe(&i.LocalPath, "The file to copy.")
	a.Describe(&i.RemotePath, "The file to copy it to.")
}

// Create copies the file.
func (*CopyFile) Create(
	ctx context.Context, request infer.CreateRequest[CopyFileInputs],
) (infer.CreateResponse[CopyFileOutputs], error) {
	response := infer.CreateResponse[CopyFileOutputs]{Output: CopyFileOutputs{request.Inputs}}
	if request.DryRun {
		return response, nil
	}
	if err := request.Inputs.copy(ctx); err != nil {
		return response, err
	}
	var err error
	response.ID, err = resource.NewUniqueHex("", 8, 0)
	return response, err
}

func (i *CopyFileInputs) copy(ctx context.Context) error {
	logCopy(ctx, i.Connection, i.RemotePath, i.LocalPath)
	from, err := os.Open(i.LocalPath)
	if err != nil {
		return err
	}
	defer from.Close()
	connection, err := i.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	client, err := sftp.NewClient(connection)
	if err != nil {
		return err
	}
	defer client.Close()
	to, err := client.Create(i.RemotePath)
	if err != nil {
		return err
	}
	defer to.Close()
	_, err = to.ReadFrom(from)
	return err
}
