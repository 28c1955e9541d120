package layering_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A file is one Go file of the module.
type file struct {
	name string // from the root of the module, with slashes
	test bool
	text []byte
	fset *token.FileSet
	ast  *ast.File
}

// source returns every Go file of the module, whatever its build tags.
func source(t *testing.T) []file {
	t.Helper()
	const root = "../.."
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("find the root of the module: %v", err)
	}
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && p != root &&
			(strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
			return filepath.SkipDir // as the go command does
		}
		if d.IsDir() || filepath.Ext(p) != ".go" {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, rel, text, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{
			name: filepath.ToSlash(rel),
			test: strings.HasSuffix(p, "_test.go"),
			text: text,
			fset: fset,
			ast:  tree,
		})
		return nil
	})
	if err != nil {
		t.Fatalf("read the source: %v", err)
	}
	if len(files) == 0 {
		t.Fatal("read the source: no Go files")
	}
	return files
}

// imports returns the paths that f imports.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// calls returns where f names one of the given functions of package pkg, called
// or not: a function kept as a value is called later.
func (f file) calls(pkg string, names ...string) []string {
	local := ""
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p != pkg {
			continue
		}
		local = pkg[strings.LastIndex(pkg, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
	}
	if local == "" {
		return nil
	}
	if local == "." {
		return []string{f.name + " imports " + pkg + " as a dot, which hides its names"}
	}
	var found []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok || x.Name != local || x.Obj != nil { // Obj: a variable of that name
			return true
		}
		for _, name := range names {
			if sel.Sel.Name == name {
				found = append(found, f.fset.Position(sel.Pos()).String()+" "+pkg+"."+name)
			}
		}
		return true
	})
	return found
}
