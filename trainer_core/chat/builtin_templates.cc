#include "trainer_core/chat/builtin_templates.h"

namespace lorasweep::chat {
namespace {

constexpr BuiltinTemplate kTemplates[] = {
    // Stanford Alpaca's prompt, turn after turn.
    {"alpaca", R"({{- bos_token -}}
{%- set ns = namespace(rest=messages) -%}
{%- if messages[0].role == 'system' -%}
    {{- messages[0].content + '\n\n' -}}
    {%- set ns.rest = messages[1:] -%}
{%- else -%}
    {{- 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n' -}}
{%- endif -%}
{%- for message in ns.rest -%}
    {%- if message.role == 'assistant' -%}
        {{- '### Response:\n' -}}{% generation %}{{- message.content + eos_token -}}{% endgeneration %}{{- '\n\n' -}}
    {%- else -%}
        {{- '### Instruction:\n' + message.content + '\n\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '### Response:\n' -}}
{%- endif -%}
)"},
    {"chatml", R"({{- bos_token -}}
{%- for message in messages -%}
    {{- '<|im_start|>' + message.role + '\n' -}}
    {%- if message.role == 'assistant' -%}
        {% generation %}{{- message.content + '<|im_end|>' -}}{% endgeneration %}{{- '\n' -}}
    {%- else -%}
        {{- message.content + '<|im_end|>\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\n' -}}
{%- endif -%}
)"},
    // As Llama-2-chat's own, which starts every exchange anew.
    {"llama2", R"({%- set ns = namespace(rest=messages, system='') -%}
{%- if messages[0].role == 'system' -%}
    {%- set ns.rest = messages[1:] -%}
    {%- set ns.system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' -%}
{%- endif -%}
{%- for message in ns.rest -%}
    {%- if message.role == 'assistant' -%}
        {% generation %}{{- ' ' + message.content.strip() + ' ' + eos_token -}}{% endgeneration %}
    {%- else -%}
        {{- bos_token + '[INST] ' + ns.system + message.content.strip() + ' [/INST]' -}}
        {%- set ns.system = '' -%}
    {%- endif -%}
{%- endfor -%}
)"},
    // Vicuna 1.1.
    {"vicuna", R"({{- bos_token -}}
{%- for message in messages -%}
    {%- if message.role == 'system' -%}
        {{- message.content + ' ' -}}
    {%- elif message.role == 'assistant' -%}
        {{- 'ASSISTANT:' -}}{% generation %}{{- ' ' + message.content + eos_token -}}{% endgeneration %}
    {%- else -%}
        {{- 'USER: ' + message.content + ' ' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- 'ASSISTANT:' -}}
{%- endif -%}
)"},
    {"zephyr", R"({{- bos_token -}}
{%- for message in messages -%}
    {{- '<|' + message.role + '|>\n' -}}
    {%- if message.role == 'assistant' -%}
        {% generation %}{{- message.content + eos_token -}}{% endgeneration %}{{- '\n' -}}
    {%- else -%}
        {{- message.content + eos_token + '\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>\n' -}}
{%- endif -%}
)"},
};

}  // namespace

std::span<const BuiltinTemplate> BuiltinTemplates() {
  return kTemplates;
}

}  // namespace lorasweep::chat
