"""Generates lorasweep.v1, the protobuf messages and gRPC stubs, from the repository's .proto files while it is built."""

import pathlib

import setuptools
from setuptools.command.build_py import build_py

PROTO = pathlib.Path(__file__).resolve().parent / ".." / ".." / "proto"


class BuildWithStubs(build_py):
    def run(self):
        super().run()
        import grpc_tools
        from grpc_tools import protoc

        target = pathlib.Path(self.build_lib)
        includes = [PROTO.resolve(), pathlib.Path(grpc_tools.__file__).parent / "_proto"]
        arguments = [f"-I{include}" for include in includes]
        arguments += [f"--{kind}={target}" for kind in ("python_out", "grpc_python_out")]
        files = ["setting", "sweep", "sweep_service", "worker_service"]
        target.mkdir(parents=True, exist_ok=True)
        if protoc.main(["protoc", *arguments, *(f"lorasweep/v1/{file}.proto" for file in files)]) != 0:
            raise RuntimeError(f"no stubs could be generated from {PROTO}")
        (target / "lorasweep" / "v1" / "__init__.py").touch()


setuptools.setup(cmdclass={"build_py": BuildWithStubs})
