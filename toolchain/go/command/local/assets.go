package local

import (
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// findAssets returns the files below a folder that the patterns leave in, by path relative to the folder.
func findAssets(folder string, patterns []string) (map[string]*types.AssetOrArchive, error) {
	assets := map[string]*types.AssetOrArchive{}
	rules, err := parseRules(patterns)
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !rules.include(name) {
			return err
		}
		asset, err := resource.NewPathAsset(path.Join(folder, name))
		if err != nil {
			return err
		}
		assets[name] = &types.AssetOrArchive{Asset: asset}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return assets, nil
}

// findArchive puts the files that findAssets finds into one archive.
func findArchive(folder string, patterns []string) (*resource.Archive, error) {
	assets, err := findAssets(folder, patterns)
	if err != nil {
		return nil, err
	}
	content := make(map[string]any, len(assets))
	for name, asset := range assets {
		content[name] = asset.Asset
	}
	return resource.NewAssetArchive(content)
}

type rule struct {
	pattern glob.Glob
	exclude bool
}

type ruleList []rule

func parseRules(patterns []string) (ruleList, error) {
	rules := make(ruleList, 0, len(patterns))
	for _, text := range patterns {
		text, exclude := strings.CutPrefix(text, "!")
		pattern, err := glob.Compile(text, '/')
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule{pattern, exclude})
	}
	return rules, nil
}

// include says whether a file is in: the last rule that matches it decides.
func (r ruleList) include(name string) bool {
	for i := len(r) - 1; i >= 0; i-- {
		if r[i].pattern.Match(name) {
			return !r[i].exclude
		}
	}
	return false
}
