// Program pulumi-resource-command is a stand-in for the released plugin of that name; see README.md.
package main

import (
	"context"
	"fmt"
	"os"

	"leasedline.invalid/toolchain/command/shared"
)

func main() {
	if len(os.Args) > 1 && (os.Args[1] == "--version" || os.Args[1] == "version") {
		fmt.Printf("%s (stand-in for closed networks)\n", shared.Version)
		return
	}
	// The engine hands its address and flags; the library reads them.
	if err := newProvider().Run(context.Background(), "command", shared.Version); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-command (stand-in): %v\n", err)
		os.Exit(1)
	}
}
