package images

import "slices"

// home is for programs that keep files in their home: our user has none.
func home(more ...string) env {
	variables := env{"HOME": "/tmp"}
	for i := 0; i+1 < len(more); i += 2 {
		variables[more[i]] = more[i+1]
	}
	return variables
}

// languages are what programs are built on: languages, distributions and command line tools. Any user will do.
func languages() []Facts {
	base := func(repository, version, source string) Facts {
		return entry(repository, version, someone, someone).any().env(home()).from(source)
	}
	official := func(name, version string) Facts { return base(name, version, library+"docs/tree/master/"+name) }
	const dotnet = "mcr.microsoft.com/dotnet/"
	// Since 8 there is the user app, and what it serves is on 8080.
	aspnet := entry(dotnet+"aspnet", "8.0", 1654, 1654, 8080).named("app").any().from(github + "dotnet/dotnet-docker")
	node := entry("node", "22.11.0", 1000, 1000).named("node").any().from(github + "nodejs/docker-node")
	gradle := entry("gradle", "8.10.2", 1000, 1000).named("gradle").from(github + "gradle/docker-gradle")
	spark := entry("apache/spark", "3.5.1", 185, 185, 4040, 7077, 8080).named("spark").from(github + "apache/spark-docker")
	return []Facts{
		node.variant("22.11.0-alpine", 1000, 1000, "alpine"),
		node,
		official("python", "3.12.7"),
		official("pypy", ""),
		official("ruby", "3.3.6"),
		// The toolchain and what go install makes are in folders that everybody may write to.
		official("golang", "1.23.3"),
		official("rust", "1.82.0"),
		official("perl", "5.40.0"),
		official("elixir", "1.17.3"),
		official("erlang", "27.1.2"),
		official("haskell", ""),
		official("julia", "1.11.1"),
		official("r-base", "4.4.1"),
		official("swift", "6.0.1"),
		official("gcc", "14.2.0"),
		official("openjdk", ""),
		official("eclipse-temurin", ""),
		official("amazoncorretto", ""),
		official("ibmjava", ""),
		official("sapmachine", ""),
		official("groovy", ""),
		official("clojure", ""),
		official("maven", "").env(home("MAVEN_CONFIG", "/tmp/.m2")),
		gradle,
		official("alpine", "3.20.3"),
		official("busybox", "1.37.0"),
		official("debian", "12.7"),
		official("ubuntu", "24.04"),
		official("fedora", "41"),
		official("almalinux", "9.4"),
		official("rockylinux", "9.3"),
		official("amazonlinux", ""),
		official("buildpack-deps", ""),
		official("bash", "5.2.37"),
		official("hello-world", ""),
		aspnet.variant("", 1654, 1654, "^3.", "^5.", "^6.", "^7.").ports(80).named(),
		aspnet,
		aspnet.called(dotnet + "runtime").ports(),
		aspnet.called(dotnet + "runtime-deps").ports(),
		aspnet.called(dotnet + "sdk").ports().env(home("DOTNET_CLI_HOME", "/tmp")),
		base("oven/bun", "1.1.34", github+"oven-sh/bun/tree/main/dockerhub"),
		base("denoland/deno", "2.0.5", github+"denoland/deno_docker"),
		base("curlimages/curl", "8.10.1", github+"curl/curl-container"),
		base("alpine/curl", "", github+"alpine-docker/multi-arch-docker-images"),
		base("alpine/git", "", github+"alpine-docker/git"),
		base("alpine/socat", "", github+"alpine-docker/socat"),
		base("alpine/openssl", "", github+"alpine-docker/openssl"),
		base("nicolaka/netshoot", "", github+"nicolaka/netshoot"),
		base("mikefarah/yq", "4.44.3", github+"mikefarah/yq/blob/master/Dockerfile"),
		base("pandoc/core", "", github+"pandoc/dockerfiles"),
		base("rclone/rclone", "1.68.1", github+"rclone/rclone/blob/master/Dockerfile").env(env{"XDG_CACHE_HOME": "/tmp"}),
		base("restic/restic", "0.17.1", github+"restic/restic/tree/master/docker").
			env(env{"RESTIC_CACHE_DIR": "/tmp/restic"}),
		base("nvidia/cuda", "", "https://gitlab.com/nvidia/container-images/cuda"),
		base("pytorch/pytorch", "2.5.1-cuda12.4-cudnn9-runtime", github+"pytorch/pytorch/blob/main/Dockerfile"),
		base("tensorflow/tensorflow", "2.17.0", github+"tensorflow/build"),
		base("continuumio/miniconda3", "24.9.2-0", github+"ContinuumIO/docker-images"),
		base("continuumio/anaconda3", "", github+"ContinuumIO/docker-images"),
		base("condaforge/miniforge3", "24.9.0-0", github+"conda-forge/miniforge-images"),
		base("rocker/r-ver", "4.4.1", github+"rocker-org/rocker-versioned2"),
		base("rocker/r-base", "", github+"rocker-org/rocker"),
		base("gnuoctave/octave", "9.2.0", github+"gnu-octave/docker"),
		base("ghcr.io/astral-sh/uv", "", github+"astral-sh/uv/blob/main/Dockerfile"),
		entry("mambaorg/micromamba", "1.5.10", 57439, 57439).named("mambauser").any().
			from(github + "mamba-org/micromamba-docker"),
		entry("rayproject/ray", "2.38.0", 1000, 100, 8265, 6379, 10001).named("ray").
			from(github + "ray-project/ray/tree/master/docker"),
		spark,
	}
}

// notebooks are Jupyter's, whose user jovyan belongs to the group users.
func notebooks() []Facts {
	names := []string{
		"base-notebook", "minimal-notebook", "scipy-notebook", "r-notebook", "julia-notebook", "datascience-notebook",
		"tensorflow-notebook", "pyspark-notebook", "all-spark-notebook",
	}
	all := make([]Facts, 0, 2*len(names))
	notebook := entry("quay.io/jupyter/pytorch-notebook", "2024-10-07", 1000, 100, 8888).named("jovyan").
		web("/home/jovyan/work").from(github + "jupyter/docker-stacks")
	for _, name := range names {
		all = append(all, notebook.called("quay.io/jupyter/"+name), notebook.called("jupyter/"+name).version(""))
	}
	return slices.Concat(all, []Facts{
		notebook,
		entry("quay.io/jupyterhub/k8s-hub", "4.0.0", 1000, 1000, 8081).named("jovyan").web("/srv/jupyterhub").
			single(oneWriter).from(github + "jupyterhub/zero-to-jupyterhub-k8s/blob/main/images/hub/Dockerfile"),
		entry("sagemath/sagemath", "", 1000, 1000, 8888).named("sage").from(github + "sagemath/sage"),
	})
}
