package remote

import (
	"context"

	"github.com/pkg/sftp"
	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// CopyToRemote is the resource `command:remote:CopyToRemote`. Deleting it removes nothing from the other machine.
type CopyToRemote struct{}

var (
	_ infer.Annotated                                               = (*CopyToRemote)(nil)
	_ infer.CustomCheck[CopyToRemoteInputs]                         = (*CopyToRemote)(nil)
	_ infer.CustomResource[CopyToRemoteInputs, CopyToRemoteOutputs] = (*CopyToRemote)(nil)
	_ infer.CustomUpdate[CopyToRemoteInputs, CopyToRemoteOutputs]   = (*CopyToRemote)(nil)
)

// CopyToRemoteInputs is what the user gives.
type CopyToRemoteInputs struct {
	Connection *Connection          `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyToRemoteOutputs is what is kept in the state.
type CopyToRemoteOutputs struct {
	CopyToRemoteInputs
}

// Annotate describes the resource in the schema.
func (c *CopyToRemote) Annotate(a infer.Annotator) {
	a.Describe(&c, "A file or folder copied to another machine over SFTP. Deleting the resource leaves the copy there.")
}

// Annotate describes the inputs in the schema.
func (i *CopyToRemoteInputs) Annotate(a infer.Annotator) {
	a.Describe(&i.Connection, "How to reach the machine.")
	a.Describe(&i.Triggers, "Values of any type. A change in one of them replaces the resource.")
	a.Describe(&i.Source, "What to copy: a file or a text as asset, or a file or folder as path archive, which is not "+
		"unpacked. Of a folder whose path ends in `/` the content is copied, of any other the folder itself.")
	a.Describe(&i.RemotePath, "Where to copy it. Missing parent folders are made, a file in the way is overwritten, and "+
		"into a folder that exists the copy is put under its own name.")
}

// Check refuses sources that cannot be copied.
func (*CopyToRemote) Check(
	ctx context.Context, request infer.CheckRequest,
) (infer.CheckResponse[CopyToRemoteInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CopyToRemoteInputs](ctx, request.NewInputs)
	if err == nil {
		failures = append(failures, checkSource(inputs.Source)...)
	}
	return infer.CheckResponse[CopyToRemoteInputs]{Inputs: inputs, Failures: failures}, err
}

func checkSource(source types.AssetOrArchive) []provider.CheckFailure {
	var failures []provider.CheckFailure
	refuseIf := func(wrong bool, property, reason string) {
		if wrong {
			failures = append(failures, provider.CheckFailure{Property: property, Reason: reason})
		}
	}
	asset, archive := source.Asset, source.Archive
	refuseIf(asset != nil && archive != nil, "asset", "only one of asset or archive can be set")
	refuseIf(asset == nil && archive == nil, "asset", "either asset or archive must be set")
	refuseIf(asset != nil && !asset.IsPath() && !asset.IsText(),
		"asset", "asset must be a path-based file asset or a text asset")
	refuseIf(archive != nil && !archive.IsPath(), "archive", "archive must be a path to a file or directory")
	return failures
}

// Create copies the source.
func (*CopyToRemote) Create(
	ctx context.Context, request infer.CreateRequest[CopyToRemoteInputs],
) (infer.CreateResponse[CopyToRemoteOutputs], error) {
	response := infer.CreateResponse[CopyToRemoteOutputs]{Output: CopyToRemoteOutputs{request.Inputs}}
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

// Update copies the source again if its content or its destination has changed; another connection alone copies
// nothing.
func (*CopyToRemote) Update(
	ctx context.Context, request infer.UpdateRequest[CopyToRemoteInputs, CopyToRemoteOutputs],
) (infer.UpdateResponse[CopyToRemoteOutputs], error) {
	before, now := request.State.CopyToRemoteInputs, request.Inputs
	changed := now.hash() != before.hash() || now.RemotePath != before.RemotePath
	var err error
	if changed && !request.DryRun {
		err = now.copy(ctx)
	}
	return infer.UpdateResponse[CopyToRemoteOutputs]{Output: CopyToRemoteOutputs{now}}, err
}

func (i *CopyToRemoteInputs) hash() string {
	if i.Source.Archive != nil {
		return i.Source.Archive.Hash
	}
	return i.Source.Asset.Hash
}

func (i *CopyToRemoteInputs) copy(ctx context.Context) error {
	asset := i.Source.Asset
	isText := asset != nil && asset.IsText()
	var localPath string
	if isText {
		provider.GetLogger(ctx).Debugf("Creating file: %s:%s from text asset", *i.Connection.Host, i.RemotePath)
	} else {
		localPath = i.localPath()
		logCopy(ctx, i.Connection, i.RemotePath, localPath)
	}

	connection, err := i.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	client, err := sftp.NewClient(connection, sftp.UseConcurrentWrites(true))
	if err != nil {
		return err
	}
	defer client.Close()

	target := destination{client}
	if isText {
		return target.writeText(asset.Text, i.RemotePath)
	}
	return target.copyPath(localPath, i.RemotePath)
}

func (i *CopyToRemoteInputs) localPath() string {
	if i.Source.Asset != nil {
		return i.Source.Asset.Path
	}
	return i.Source.Archive.Path
}

func logCopy(ctx context.Context, connection *Connection, remotePath, localPath string) {
	provider.GetLogger(ctx).Debugf("Creating file: %s:%s from local file %s", *connection.Host, remotePath, localPath)
}
