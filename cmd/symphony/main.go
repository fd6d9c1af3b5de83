// Command symphony runs Symphony Messenger: the server, workers, and everything to look after them from a terminal.
//
// Each command has a file of its own. What it prints for people goes through output.go, how it ends through exit.go, and
// how it reaches the messages (the local database, a running server beside it, or a server elsewhere) through reach.go.
package main

import "os"

func main() {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}
	os.Exit(a.main(os.Args[1:]))
}
