// Command oci is the clients that people pull models with from a registry, and a registry: oras-go, crane's library, and the registry that comes
// with it. It is a module of its own, so that none of them is a dependency of Weir.
//
//	oci serve PORT                     a registry in memory, on loopback
//	oci push HOST REPOSITORY           puts an image there, without asking anybody, and prints its digest
//	oci oras HOST REPOSITORY USER      pulls it as oras does, as a user with a password
//	oci crane HOST REPOSITORY USER     as crane does
//	oci bearer HOST REPOSITORY TOKEN   as crane does, with a token of one's own
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Println("error:", strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		server := &http.Server{Addr: "127.0.0.1:" + args[1], Handler: registry.New(), ReadHeaderTimeout: 10 * time.Second}
		return server.ListenAndServe()
	case len(args) == 3 && args[0] == "push":
		image, err := random.Image(1024, 2)
		if err != nil {
			return err
		}
		digest, err := image.Digest()
		if err != nil {
			return err
		}
		fmt.Println(digest)
		return crane.Push(image, args[1]+"/"+args[2]+":latest", crane.Insecure, crane.WithContext(ctx))
	case len(args) == 4 && args[0] == "oras":
		return pullByORAS(ctx, args[1], args[2], args[3])
	case len(args) == 4 && args[0] == "crane":
		return pullByCrane(ctx, args[1], args[2], &authn.Basic{Username: args[3], Password: "secret"})
	case len(args) == 4 && args[0] == "bearer":
		return pullByCrane(ctx, args[1], args[2], &authn.Bearer{Token: args[3]})
	}
	return fmt.Errorf("usage: see main.go")
}

// pullByORAS copies an artifact, all its blobs included, as "oras pull" does.
func pullByORAS(ctx context.Context, host, repository, user string) error {
	r, err := remote.NewRepository(host + "/" + repository)
	if err != nil {
		return err
	}
	r.PlainHTTP = true
	r.Client = &auth.Client{Client: http.DefaultClient, Cache: auth.NewCache(), Credential: auth.StaticCredential(host, auth.Credential{Username: user, Password: "secret"})}
	got, err := oras.Copy(ctx, r, "latest", memory.New(), "latest", oras.DefaultCopyOptions)
	if err != nil {
		return err
	}
	fmt.Println("oras pulled", got.Digest, got.MediaType)
	return nil
}

// pullByCrane pulls an image and reads all its layers.
func pullByCrane(ctx context.Context, host, repository string, as authn.Authenticator) error {
	image, err := crane.Pull(host+"/"+repository+":latest", crane.Insecure, crane.WithContext(ctx), crane.WithAuth(as))
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		blob, err := layer.Compressed()
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, blob); err != nil { // at the end the digest is compared
			return err
		}
		if err := blob.Close(); err != nil {
			return err
		}
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	fmt.Println("crane pulled", digest, len(layers), "layers")
	return nil
}
