using System.Reflection;
using System.Text.Json;

namespace KestrelKv.Server.Tests.Clients;

/// <summary>The OpenAPI description yields clients that compile and work.</summary>
public sealed class GeneratedClientTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    /// <summary>The published operation ids. Generated clients name their methods after them, so they must not change.</summary>
    private static readonly string[] Ids =
    [
        "getKey", "headKey", "putKey", "patchKey", "deleteKey", "countKeys", "listKeys",
        "getKeyByQuery", "headKeyByQuery", "putKeyByQuery", "patchKeyByQuery", "deleteKeyByQuery",
        "executeBatch", "call", "watch", "takeSnapshot", "getBackup", "getStats",
    ];

    [Fact]
    public async Task TypeScriptClient_Generated_CompilesAndCalls()
    {
        using var client = new TypeScriptClient();

        await client.CompileAsync(await DescriptionAsync());

        Assert.Equal("done\n", await client.CallAsync(server.Process.Admin));
    }

    [Fact]
    public async Task CSharpClient_Generated_CompilesAndCalls()
    {
        Assembly client = CSharpClient.Compile(await CSharpClient.GenerateAsync(await DescriptionAsync()));

        await (Task)client.GetType("Generated.Calls")!.GetMethod("RunAsync")!.Invoke(null, null)!;
    }

    [Fact]
    public async Task Operations_HaveThePublishedIds()
    {
        Assert.Equal(Ids, (await OperationsAsync()).Select(operation => operation.GetProperty("operationId").GetString()!));
    }

    [Fact]
    public async Task Head_IsDescribedWithoutABody() =>
        Assert.DoesNotContain(
            await ResponsesAsync(), response =>
                response.Operation.StartsWith("head", StringComparison.Ordinal) && response.Body.ValueKind != JsonValueKind.Undefined);

    [Fact]
    public async Task Problems_HaveAnExampleWithACodeOfTheirStatus()
    {
        string[] codes = (await DocumentAsync()).GetProperty("components").GetProperty("schemas").GetProperty("ProblemDetails")
            .GetProperty("properties").GetProperty("code").GetProperty("description").GetString()!.Split('\n');
        foreach ((string operation, string status, JsonElement body) in await ResponsesAsync())
        {
            if (operation.StartsWith("head", StringComparison.Ordinal) || string.CompareOrdinal(status, "400") < 0) continue;
            string code = body.GetProperty("application/problem+json").GetProperty("example").GetProperty("code").GetString()!;
            Assert.Contains(
                codes,
                line => line.StartsWith($"- {status}: ", StringComparison.Ordinal) && line.Contains($"`{code}`", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task DescriptionServer_IsTheAddressOfTheRequest() =>
        Assert.Equal(server.Process.Admin, new Uri((await DocumentAsync()).GetProperty("servers")[0].GetProperty("url").GetString()!));

    private async Task<string> DescriptionAsync()
    {
        using var http = new HttpClient { BaseAddress = server.Process.Admin };
        return await http.GetStringAsync(new Uri("swagger/v1/swagger.json", UriKind.Relative));
    }

    private async Task<JsonElement> DocumentAsync() => JsonDocument.Parse(await DescriptionAsync()).RootElement;

    private async Task<List<(string Operation, string Status, JsonElement Body)>> ResponsesAsync() =>
    [
        .. from operation in await OperationsAsync()
           from response in operation.GetProperty("responses").EnumerateObject()
           let body = response.Value.TryGetProperty("content", out JsonElement content) ? content : default
           select (operation.GetProperty("operationId").GetString()!, response.Name, body),
    ];

    private async Task<List<JsonElement>> OperationsAsync() =>
        [.. (await DocumentAsync()).GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject()).Select(method => method.Value)];
}
