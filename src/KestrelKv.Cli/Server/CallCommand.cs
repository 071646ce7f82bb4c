using System.Buffers;
using System.CommandLine;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Keys;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Server;

/// <summary><c>kkv call FUNCTION [PARAMS]</c>: executes any function of the wire protocol, and prints its response.</summary>
internal static class CallCommand
{
    public static Command Create(CommandHost host)
    {
        var function = new Argument<string>("function") { Description = "The function, such as SCAN. Names are case-sensitive: see kkv call HELP." };
        function.HelpName = function.Name;
        function.CompletionSources.Add("BATCH", "DELETE", "EXPIRE", "GET", "HELP", "INCR", "INFO", "MGET", "PATCH", "PING", "PUT", "SCAN");
        var parameters = new Argument<string?>("params")
        {
            Description = "The parameters as a JSON object, @FILE, or - for standard input. Default: none.", Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("call", "Execute any function of the wire protocol, and print its response.") { function, parameters };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(function);
            byte[] json = arguments.GetValue(parameters) is { } text
                ? await ValueSource.ReadAsync(text, isText: false, session.Terminal, stop) : "{}"u8.ToArray();
            if (json is not [(byte)'{', ..])
                throw CommandFailure.Usage("The parameters are not a JSON object, expected one such as {\"obj\": \"user:1\"}");
            (bool touches, bool mayRepeat) = Inspect(json);
            bool isRead = name is "GET" or "MGET" or "SCAN" or "PING" or "INFO" or "HELP";
            if (!isRead || touches) session.ThrowIfReadOnly($"The function {name}");
            var response = new ArrayBufferWriter<byte>();
            try
            {
                await session.Client.CallUtf8Async(name, json.AsMemory(1, json.Length - 2), response, isRead || mayRepeat, cancellationToken: stop);
            }
            catch (OutcomeUnknownException e) when (e is { Code: null, InnerException: null })
            {
                // The reply of an unknown function has a form of its own.
                if ((await ServerFunctions.ReadAsync(session.Client, stop)).ContainsKey(name)) throw;
                throw CommandFailure.Failed(
                    "unknown_function", $"The function {name} does not exist, expected one that kkv call HELP lists. Names are case-sensitive");
            }
            if (session.Format == OutputFormat.Raw) session.Write(response.WrittenSpan);
            else session.WriteJson(response.WrittenSpan);
            return ExitCode.Ok;
        });
    }

    /// <summary>Returns whether the parameters have <c>touch</c>, and <c>request_id</c>, which makes a repetition safe.</summary>
    private static (bool Touches, bool HasRequestId) Inspect(byte[] json)
    {
        (bool touches, bool hasRequestId) = (false, false);
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 100_000 });
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth != 1) continue;
            touches |= reader.ValueTextEquals("touch"u8);
            hasRequestId |= reader.ValueTextEquals("request_id"u8);
        }
        return (touches, hasRequestId);
    }
}
