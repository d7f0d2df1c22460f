package e2e_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// wholeOnly are the tests of one whole process alone, with the reason: there is nothing to see
// of them where services run apart. All others run in both shapes.
var wholeOnly = map[string]string{
	"TestPrintedCommand":             "what a newcomer sees of one process on a terminal",
	"TestMasterKeyIsKept":            "the key that one process makes in its data folder",
	"TestGivenMasterKeyIsNotPrinted": "what one process prints",
	"TestRefusesToStart":             "starts of one process that fail",
	"TestLiteLLMConfigStarts":        "warnings of one start",
	"TestOneProcessADataFolder":      "the lock of the embedded database",
	"TestBadMoneyOverRPC/SQLite":     "the embedded database",
	"TestDatabaseOfANewerRelease":    "starts of one process that fail",
	"TestGatewaysAreKilled":          "whole gateways that are killed",
	"TestPostgreSQLIsKilled":         "whole gateways without their database",
	"TestKafkaIsKilled":              "whole gateways without their brokers",
	"TestRollingRestart":             "a fleet, which is apart in either shape",
	"TestAThousandStreams":           "a fleet",
	"TestFleetIsKilled":              "a fleet",
	"TestServicesOfAFleetAreAway":    "a fleet",
	"TestDatabaseOfAFleetIsAway":     "a fleet",
	"TestPartsOfAFleetAreAway":       "a fleet",
}

// TestWholeOnlyIsTrue holds the list to name tests that there are, each with a reason.
func TestWholeOnlyIsTrue(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	for name, reason := range wholeOnly {
		if test, _, _ := strings.Cut(name, "/"); !tests[test] || reason == "" {
			t.Errorf("%q is no test, or has no reason: %q", name, reason)
		}
	}
}
