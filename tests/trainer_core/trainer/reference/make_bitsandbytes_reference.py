"""Writes bitsandbytes.safetensors: what bitsandbytes 0.50.2 makes of given numbers on a CPU.

    make_bitsandbytes_reference.py OUTPUT
"""
import sys

import bitsandbytes as bnb
import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

torch.manual_seed(20)
torch.set_num_threads(1)
tensors = {}


def keep(name, tensor):
    tensors[name] = tensor.detach().clone().contiguous()


# A zero block, a small one, exact ties, a large one, and an odd rest.
weights = torch.randn(64 * 9 + 37) * 0.02
weights[64:128] = 0
weights[128:192] *= 1e-6
weights[192:256] *= 1e6
keep("weights", weights)
for kind in ("nf4", "fp4"):
    packed, state = F.quantize_4bit(weights, quant_type=kind)
    keep(kind + ".packed", packed.flatten())
    keep(kind + ".absmax", state.absmax)
    keep(kind + ".fp32", F.dequantize_4bit(packed, state))
    state.dtype = torch.bfloat16
    keep(kind + ".bf16", F.dequantize_4bit(packed, state))

# Double quantisation: what becomes of a weight's scales.
matrix = torch.randn(150, 128) * (0.01 + torch.rand(150, 1))
keep("double.scales", F.quantize_4bit(matrix, quant_type="nf4")[1].absmax)
_, state = F.quantize_4bit(matrix, quant_type="nf4", compress_statistics=True)
keep("double.codes", state.absmax)
keep("double.absmax", state.state2.absmax)
keep("double.offset", state.offset.reshape(1))
keep("double.fp32", F.dequantize_blockwise(state.absmax, state.state2) + state.offset)

for name, signed in (("signed", True), ("unsigned", False)):
    code = F.create_dynamic_map(signed)
    keep(name + ".map", code)
    values = torch.randn(256 * 3 + 41)
    values[:256] = 0
    if not signed:
        values = values.abs() * torch.rand_like(values) ** 8
    codes, state = F.quantize_blockwise(values, code=code.clone(), blocksize=256)
    keep(name + ".values", values)
    keep(name + ".codes", codes)
    keep(name + ".absmax", state.absmax)
    keep(name + ".fp32", F.dequantize_blockwise(codes, state))

rows = (torch.randn(7, 40) * 0.05).to(torch.float16)
rows[3] = 0
codes, stats, _ = F.int8_vectorwise_quant(rows)
keep("int8.values", rows)
keep("int8.codes", codes)
keep("int8.absmax", stats)
keep("int8.fp32", F.int8_vectorwise_dequant(codes, stats))

# Three steps of AdamW8bit on a tensor with 8-bit moments and on a smaller one without. Gradients differ widely in size.
parameters = [torch.nn.Parameter(torch.randn(n) * 0.1) for n in (4096 + 19, 100)]
for i, parameter in enumerate(parameters):
    keep(f"adamw.start.{i}", parameter)
optimizer = bnb.optim.AdamW8bit(parameters, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
gradients = [torch.randn_like(p) * torch.exp(2 * torch.randn_like(p)) * 1e-3 for p in parameters]
for i, gradient in enumerate(gradients):
    keep(f"adamw.gradient.{i}", gradient)
for step in range(3):
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.roll(step)  # each step another one
    optimizer.step()
for i, parameter in enumerate(parameters):
    keep(f"adamw.end.{i}", parameter)
state = optimizer.state[parameters[0]]
for name in ("state1", "state2", "absmax1", "absmax2"):
    keep("adamw." + name, state[name])

save_file(tensors, sys.argv[1])
