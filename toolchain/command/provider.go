package main

import (
	"context"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"leasedline.invalid/toolchain/command/local"
	"leasedline.invalid/toolchain/command/remote"
	"leasedline.invalid/toolchain/command/shared"
)

const description = "A stand-in for the Pulumi Command provider " + shared.Version +
	", for networks in which the released plugin cannot be downloaded. " +
	"It serves command:remote:Command and command:local:Command and refuses the rest by name."

// refused are the parts of the released schema that this stand-in does not implement.
var refused = map[string]string{
	"command:remote:CopyToRemote": "send the content on a command:remote:Command's stdin, or ",
	"command:remote:CopyFile":     "send the content on a command:remote:Command's stdin, or ",
	"command:local:run":           "use command:local:Command, or ",
}

// newProvider returns the provider, ready to be served.
func newProvider() p.Provider {
	provider := infer.Provider(infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Command (stand-in for closed networks)",
			Description: description,
			Keywords:    []string{"command", "stand-in"},
		},
		Resources: []infer.InferredResource{
			infer.Resource(&remote.Command{}),
			infer.Resource(&local.Command{}),
		},
	})
	check, invoke := provider.Check, provider.Invoke
	provider.Check = func(ctx context.Context, req p.CheckRequest) (p.CheckResponse, error) {
		if err := refusal(string(req.Urn.Type())); err != nil {
			return p.CheckResponse{}, err
		}
		return check(ctx, req)
	}
	provider.Invoke = func(ctx context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
		if err := refusal(string(req.Token)); err != nil {
			return p.InvokeResponse{}, err
		}
		return invoke(ctx, req)
	}
	return provider
}

func refusal(token string) error {
	instead, isRefused := refused[token]
	if !isRefused {
		return nil
	}
	return status.Errorf(codes.Unimplemented,
		"the stand-in for pulumi-command does not implement %s: %s%s", token, instead, shared.Remedy)
}
