using System.Buffers;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Server;

/// <summary>The functions of the wire protocol that the server has.</summary>
internal static class ServerFunctions
{
    /// <summary>Returns the names of the parameters by function.</summary>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public static async Task<Dictionary<string, string[]>> ReadAsync(KestrelKvClient client, CancellationToken stop)
    {
        var help = new ArrayBufferWriter<byte>();
        await client.CallUtf8Async("HELP", default, help, mayRepeat: true, cancellationToken: stop);
        using var json = JsonDocument.Parse(help.WrittenMemory);
        return json.RootElement.GetProperty("functions").EnumerateArray().ToDictionary(
            function => function.GetProperty("func").GetString()!,
            function => function.GetProperty("params").EnumerateArray().Select(parameter => parameter.GetProperty("name").GetString()!).ToArray());
    }
}
