package config

import (
	_ "embed"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test . -run TestReference -update

var update = flag.Bool("update", false, "write golden files")

//go:embed example.yaml
var example string

const referenceFile = "../docs/configuration.md"

// TestReference fails when docs/configuration.md does not say what the tags and comments say. With -update it writes it.
func TestReference(t *testing.T) {
	got := reference(comments(t))
	if *update {
		if err := os.WriteFile(referenceFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale; run make docs (-file +table):\n%s", referenceFile, diff)
	}
}

func TestExampleIsValid(t *testing.T) {
	t.Chdir("testdata")
	c, err := Load(Sources{File: "../example.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Handlers) != 3 || len(c.Transports) != 2 || len(c.Routes) != 2 {
		t.Errorf("the example has %d handlers, %d transports and %d routes", len(c.Handlers), len(c.Transports), len(c.Routes))
	}
}

const referenceTop = `# Configuration

<!-- Generated from the structs of package config by "make docs". Do not edit. -->

Settings come from four places, each overriding the ones before:

1. defaults,
2. a file: what ` + "`--config`" + ` or ` + "`SYMPHONY_CONFIG`" + ` names, else ` + "`symphony.yaml`" + ` in the working directory if there is one,
3. environment variables,
4. flags of the command.

Nothing is guessed. An unknown key or ` + "`SYMPHONY_`" + ` variable, a value that does not parse and a value out of range stop the
start, all of them listed at once with their line, variable or flag. ` + "`symphony config check`" + ` looks for them without starting
anything; ` + "`symphony config show`" + ` shows what is in force and where each value comes from, with secrets masked.

- A variable is the key in upper case after ` + "`SYMPHONY_`" + `, with ` + "`_`" + ` for each dot: ` + "`log.level`" + ` is ` + "`SYMPHONY_LOG_LEVEL`" + `. The
  tables name it; a few have customary names instead.
- Durations have a unit, like ` + "`30s`" + `, ` + "`5m`" + ` or ` + "`1h30m`" + `. In two variables a number without a unit is of milliseconds, as their table says.
- Sizes are bytes, or have a unit: ` + "`512KiB`" + `, ` + "`2MiB`" + `, ` + "`1GiB`" + `.
- Lists are YAML lists in the file, and separated by commas in variables.
- Every secret can be read from a file instead: the key with ` + "`_file`" + `, the variable with ` + "`_FILE`" + `. Setting both in one place
  is a mistake. Blank lines and spaces around a secret do not count.
- Relative paths start at the working directory.
- Setting a variable to nothing is a mistake, except where nothing is a valid value (texts without a default, lists, secrets).
- Variables that Kubernetes makes for a service called symphony (` + "`SYMPHONY_SERVICE_HOST`" + `, ` + "`SYMPHONY_PORT`" + `, …) are not looked at.
- Nor are ` + "`SYMPHONY_URL`" + ` and ` + "`SYMPHONY_WEBHOOK_SECRET`" + `, which applications read: server and application may share one .env; nor
  what a [command](guide.md#a-command) that handles messages is told about them, so it may call ` + "`symphony`" + ` itself.
- YAML anchors and aliases work; merge keys (` + "`<<`" + `) do not.

## Example

` + "```yaml\n"

// link is how a comment names a constant, or a function that it links to.
var link = regexp.MustCompile(`\[([a-zA-Z]+\.[A-Z]\w*|[A-Z]\w*)\]`)

// comments are those above the fields of the package's structs, in one line and with the values of constants, by Type.Field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	found := make(map[string]string)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						found[spec.Name.Name+"."+name.Name] = inText(f.Doc.Text())
					}
				}
			}
			return true
		})
	}
	return found
}

func inText(comment string) string {
	return link.ReplaceAllStringFunc(strings.Join(strings.Fields(comment), " "), func(name string) string {
		if c, ok := constants[strings.Trim(name, "[]")]; ok {
			return constantText(c)
		}
		return name
	})
}

// TestTagsAreKnown fails where a field has a tag that nobody reads, such as one that is misspelt.
func TestTagsAreKnown(t *testing.T) {
	known := []string{
		"key", "default", "env", "min", "max", "of", "about", "empty", "check", "hide", "secret", "secrets",
		"millis", "unlimited",
	}
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			for _, name := range regexp.MustCompile(`(?:^| )(\w+):"`).FindAllStringSubmatch(string(f.Tag), -1) {
				if !slices.Contains(known, name[1]) {
					t.Errorf("%s.%s has a tag %s", of.Name(), f.Name, name[1])
				}
			}
			if _, ok := f.Tag.Lookup("key"); ok && f.Type.Kind() == reflect.Struct && f.Type.PkgPath() == of.PkgPath() {
				walk(f.Type)
			}
		}
	}
	for _, of := range []any{
		Config{}, Transport{}, typeSettings{}, queueSettings{}, scheduleSettings{},
		webhookSettings{}, handlerSettings{}, DashboardServer{},
	} {
		walk(reflect.TypeOf(of))
	}
}

// TestConstantsAreUsed fails where a constant is at hand for tags and comments, and none names it.
func TestConstantsAreUsed(t *testing.T) {
	var source strings.Builder
	paths, _ := filepath.Glob("*.go")
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if path != "tags.go" {
			source.Write(raw)
		}
	}
	for name := range constants {
		if !regexp.MustCompile(`["\[,]` + regexp.QuoteMeta(name) + `["\],]`).MatchString(source.String()) {
			t.Errorf("no tag or comment names %s", name)
		}
	}
}

func reference(docs map[string]string) string {
	var b strings.Builder
	b.WriteString(referenceTop + example + "```\n")
	section := "none yet"
	for _, f := range settings(&Config{}) {
		name, _, nested := strings.Cut(f.key, ".")
		if !nested {
			name = ""
		}
		if name != section {
			section = name
			heading(&b, section)
		}
		row(&b, f, docs, true)
	}
	repeated := func(title, text string, table []*field) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n", title, text)
		for _, f := range table {
			row(&b, f, docs, false)
		}
	}
	repeated("transports", transportsText, overriding(settings(&Transport{})))
	fmt.Fprintf(&b, "\n## routes\n\n%s\n", routesText)
	repeated("types", typesText, overriding(settings(&typeSettings{})))
	repeated("queues", queuesText, settings(&queueSettings{}))
	repeated("schedules", schedulesText, settings(&scheduleSettings{}))
	repeated("alerts.webhooks", webhooksText, settings(&webhookSettings{}))
	repeated("dashboard.servers", serversText, settings(&DashboardServer{}))
	repeated("handlers", handlersText, overriding(settings(&handlerSettings{})))
	return b.String()
}

const (
	transportsText = "A mapping of names to their settings, of which all may be left out (`email:`). All of kind database share one.\n" +
		"Without this section there is one, `default`. `SYMPHONY_TRANSPORTS=default,email` says which there are, in place of the\n" +
		"file; those that the file describes keep their settings. These keys have no variables."
	routesText = "A mapping of patterns to one transport or a list of them. A pattern is an exact type, `Prefix.*` or `*` (in quotes); the most\n" +
		"specific one counts. Several transports get a message each; they must be of one kind. Types without a route go to\n" +
		"`default_transport`."
	typesText = "A mapping of patterns to what applies to messages of these types, whoever handles them. Limits of one pattern count all of\n" +
		"its types together; of several patterns that fit a type, the most specific one applies. Limits are those of\n" +
		"[flow control](flow-control.md); all nodes must have the same. What `retry` leaves out is taken from the section `retry`\n" +
		"above. These keys have no variables."
	schedulesText = "A list of schedules, each with a `name`, a `type` and one of `at`, `cron` and `interval`. `payload` is a mapping, which becomes\n" +
		"the JSON object of its message. `symphony serve` and `symphony worker` make the schedules of the database that came from a\n" +
		"configuration file be these when they start: they find them by their names, and delete those that are no longer here. One\n" +
		"that somebody has disabled stays so. These keys have no variables. More in [schedules](schedules.md)."
	webhooksText = "A list of webhooks that get alerts, each with a `url`. More in [alerts](alerts.md). These keys have no variables."
	serversText  = "A list of other installations, to whose dashboards the dashboard has links. These keys have no variables."
	queuesText   = "A mapping of queues, written transport and queue with a slash between like `default/mail`, to limits of that queue. These keys have no variables."
	handlersText = "A list of handlers. Each has a `type` and either `http` or `command`. Several may have one type: all handlers of the most\n" +
		"specific pattern run; a retry runs only those that failed. A type without a handler goes to the dead letter queue as\n" +
		"`no_handler`. Without this section `symphony serve` handles the types `demo.*` itself, to try things out. These keys have no\n" +
		"variables. What `retry` leaves out is taken from the section `retry` above."
)

func heading(b *strings.Builder, section string) {
	title := section
	if section == "" {
		title = "General"
	}
	fmt.Fprintf(b, "\n## %s\n\n| key | variable | value | default | meaning |\n| --- | --- | --- | --- | --- |\n", title)
}

func row(b *strings.Builder, f *field, docs map[string]string, withVariable bool) {
	def := "–"
	if f.def != "" {
		def = "`" + f.def + "`"
	}
	values := f.value.describe()
	variable := ""
	if withVariable {
		variable = " `" + f.variable() + "` |"
		if d, ok := f.value.(duration); ok && d.millis {
			values += fmt.Sprintf("; in the variable also milliseconds, %d to %d", d.min.Milliseconds(), d.max.Milliseconds())
		}
	}
	doc := docs[f.of]
	if from, ok := f.value.(secretFile); ok {
		doc = "File to read `" + f.twin.key + "` from"
		if from.into.one == nil {
			doc += ", one a line if there are several"
		}
		doc += "."
	}
	fmt.Fprintf(b, "| `%s` |%s %s | %s | %s |\n", f.key, variable, values, def, strings.ReplaceAll(doc, "|", `\|`))
}
