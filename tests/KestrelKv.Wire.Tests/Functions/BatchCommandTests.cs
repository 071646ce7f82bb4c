using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>A BATCH that came in some other way than in a frame.</summary>
public sealed class BatchCommandTests : IDisposable
{
    private readonly ManagedStore _store = new(TimeProvider.System);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Execute_AllThatCanBeDone_GivesTheResponseOfTheWire()
    {
        (ProtocolError? error, string response) = await ExecuteAsync(
            """ {"ops": [{"func": "PUT", "params": {"obj": "a", "val": 1.0}}, {"func": "GET", "params": {"obj": "a"}}]} """);
        Assert.Null(error);
        Assert.Equal("""{"version": 1, "results": [{"obj": "a", "response": "ok"}, {"obj": "a", "val": 1.0}]}""", response);
    }

    [Fact]
    public async Task Execute_Again_WithTheSameRequestId_IsDoneOnce()
    {
        string body = """{"ops": [{"func": "INCR", "params": {"obj": "a"}}]}""";
        (_, string first) = await ExecuteAsync(body, "id");
        Assert.Equal((null, first), await ExecuteAsync(body, "id"));
        (_, string second) = await ExecuteAsync(body);
        Assert.Contains("\"val\": 2", second, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_PreconditionThatFails_GivesIndexAndVersion()
    {
        (ProtocolError? error, string response) = await ExecuteAsync(
            """{"ops": [{"func": "GET", "params": {"obj": "a"}}, {"func": "DELETE", "params": {"obj": "a", "if_version": 3}}]}""");
        Assert.Equal((ErrorCode.PreconditionFailed, 1, 0L, ""), (error?.Code, error?.Index, error?.Version, response));
    }

    [Theory]
    [InlineData("", ErrorCode.InvalidJson, null)]
    [InlineData("[]", ErrorCode.NotAnObject, null)]
    [InlineData("{}", ErrorCode.MissingParameter, null)]
    [InlineData("""{"ops": {}}""", ErrorCode.WrongType, null)]
    [InlineData("""{"ops": []}""", ErrorCode.InvalidValue, null)]
    [InlineData("""{"ops": [1], "func": "BATCH"}""", ErrorCode.UnknownParameter, null)]
    [InlineData("""{"ops": [{"func": "GET", "params": {"obj": "a", "path": "x"}}]}""", ErrorCode.InvalidValue, 0)]
    [InlineData("""{"ops": [{"func": "GET", "params": {"obj": "a"}}, {"func": "GET"}]}""", ErrorCode.MissingParameter, 1)]
    public void Parse_WhatIsNoBatch_IsRefused(string body, ErrorCode code, int? index)
    {
        Assert.Null(BatchCommand.Parse(Encoding.UTF8.GetBytes(body), new RequestLimits(), TimeProvider.System, out ProtocolError? error));
        Assert.Equal((code, index), (error?.Code, error?.Index));
    }

    private async Task<(ProtocolError? Error, string Response)> ExecuteAsync(string body, string requestId = "")
    {
        BatchCommand? command = BatchCommand.Parse(Encoding.UTF8.GetBytes(body), new RequestLimits(), TimeProvider.System, out ProtocolError? error);
        Assert.Null(error);
        using var response = new TextBuffer();
        error = await command!.ExecuteAsync(_store, TimeProvider.System, Encoding.UTF8.GetBytes(requestId), response);
        return (error, Encoding.UTF8.GetString(response.Written));
    }
}
