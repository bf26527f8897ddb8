#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

namespace lorasweep::bench {

// A channel to HOST:PORT, without TLS, that shares its TCP connection with no other.
inline std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace lorasweep::bench
