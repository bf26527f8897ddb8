#pragma once

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>

#include "server/audit_log.h"
#include "server/clock.h"
#include "server/credentials.h"

// The gate and the audit log at gRPC's door.
namespace lorasweep::server {

// Refuses calls before their handlers see them, with the gate's own codes, and writes refusals down. Borrows all. For
// credentials with TLS: without, gRPC does not ask it, and the gate must be an open one.
std::shared_ptr<grpc::AuthMetadataProcessor> MakeDoorkeeper(const Gate& gate, AuditLog& audit, const Clock& clock);

// Writes down the calls that the table of methods wants written down, when they are answered. Borrows all.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeAuditor(const Gate& gate, AuditLog& audit,
                                                                                   const Clock& clock);

}  // namespace lorasweep::server
