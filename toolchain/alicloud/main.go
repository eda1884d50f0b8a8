// Program pulumi-resource-alicloud is a stand-in for the released plugin of that name; see README.md.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const description = "A stand-in for the Pulumi Alibaba Cloud provider " + version +
	", for networks in which the released plugin cannot be downloaded. " +
	"It serves what a hub in Alibaba Cloud needs and refuses the rest by name."

func main() {
	if len(os.Args) > 1 && (os.Args[1] == "--version" || os.Args[1] == "version") {
		fmt.Printf("%s (stand-in for closed networks)\n", version)
		return
	}
	if err := serve(context.Background(), newInfo()); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-alicloud (stand-in): %v\n", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, info tfbridge.ProviderInfo) error {
	schema, err := json.Marshal(newSchema(info))
	if err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	info.P.InitLogging(ctx)
	// The engine hands its address and flags; the library reads them.
	return provider.Main(name, func(host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		bridge := tfbridge.NewProvider(ctx, host, name, version, info.P, info, schema)
		return newRefusing(bridge, info), nil
	})
}

// refusing is the bridge's server, less what is not mapped: the bridge would call that unknown,
// although the release has it.
type refusing struct {
	pulumirpc.ResourceProviderServer
	served map[string]bool
}

func newRefusing(bridge pulumirpc.ResourceProviderServer, info tfbridge.ProviderInfo) refusing {
	served := map[string]bool{}
	for _, mapped := range info.Resources {
		served[mapped.Tok.String()] = true
	}
	for _, mapped := range info.DataSources {
		served[mapped.Tok.String()] = true
	}
	return refusing{bridge, served}
}

// Check is the first thing that the engine asks about a resource.
func (r refusing) Check(ctx context.Context, request *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	if err := r.refusal(string(urn.URN(request.GetUrn()).Type())); err != nil {
		return nil, err
	}
	return r.ResourceProviderServer.Check(ctx, request)
}

// Invoke calls a function.
func (r refusing) Invoke(ctx context.Context, request *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	if err := r.refusal(request.GetTok()); err != nil {
		return nil, err
	}
	return r.ResourceProviderServer.Invoke(ctx, request)
}

func (r refusing) refusal(token string) error {
	if r.served[token] {
		return nil
	}
	return status.Errorf(codes.Unimplemented,
		"the stand-in for pulumi-alicloud does not serve %s: install the released plugin "+
			"(pulumi plugin install resource alicloud %s), or map it in toolchain/alicloud/provider.go",
		token, version)
}
