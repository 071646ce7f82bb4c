using System.Globalization;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Adds examples to responses; the handlers' types carry none.</summary>
internal sealed class Examples : IOperationFilter
{
    private const string Events =
        """
        retry: 1000
        id: 4
        event: bookmark
        data: {"version": 4, "changes": []}

        id: 5
        event: changes
        data: {"version": 5, "changes": [{"version": 5, "kind": "put", "obj": "user:1", "val": {"name": "Ada", "visits": 1}, "expires_at": null}]}

        """;

    private const string SnapshotPath = "/var/lib/kestrelkv/0000000000000000005.snapshot.tmp";

    /// <summary>The value of the key in all examples.</summary>
    public static JsonNode Value => new JsonObject { ["name"] = "Ada", ["visits"] = 1 };

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        IList<object> metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        foreach ((string status, IOpenApiResponse response) in operation.Responses!)
        {
            // A response without a type is a value.
            if (BodyOf(response, "application/json") is { Schema: OpenApiSchema { Type: null, Properties: null } } value)
                value.Example = Value;
            if (BodyOf(response, EventStream.ContentType) is { } events) events.Example = Events;
            if (BodyOf(response, "application/problem+json") is { } problem)
                problem.Example = ProblemOf(int.Parse(status, CultureInfo.InvariantCulture), metadata);
        }
    }

    private static OpenApiMediaType? BodyOf(IOpenApiResponse response, string type) =>
        response.Content?.TryGetValue(type, out IOpenApiMediaType? body) == true ? (OpenApiMediaType)body : null;

    private static JsonObject? ProblemOf(int status, IList<object> metadata)
    {
        FunctionCall? call = metadata.OfType<FunctionCall>().FirstOrDefault();
        ErrorCode code = metadata.OfType<Refusals>().SelectMany(refusals => refusals.Codes)
            .FirstOrDefault(code => ErrorCodes.Status(code) == status);
        if (status == StatusCodes.Status400BadRequest) code = Refused(call);
        if (code == ErrorCode.None) return null;
        ProtocolError error = ErrorOf(code, call);
        var problem = new JsonObject
        {
            ["title"] = ErrorCodes.Title(code), ["status"] = status, ["detail"] = error.Message, ["code"] = ErrorCodes.Text(code),
        };
        if (error.Index is { } index) problem["index"] = index;
        if (error.Version is { } version) problem["version"] = version;
        if (error.OldestVersion is { } oldest) problem["oldest_version"] = oldest;
        return problem;
    }

    /// <summary>Returns an error that any request with a key, or any request without one, can cause.</summary>
    private static ErrorCode Refused(FunctionCall? call) =>
        call is { KeyPlace: not KeyPlace.None } ? ErrorCode.KeyTooLong : ErrorCode.UnknownParameter;

    private static ProtocolError ErrorOf(ErrorCode code, FunctionCall? call)
    {
        ProtocolError error = code switch
        {
            ErrorCode.PreconditionFailed => ProtocolError.PreconditionFailed(version: 5),
            ErrorCode.NotFound when IsWriteOfPart(call) =>
                new(code, "the key does not exist, so no part of its value can be changed") { Version = 0 },
            ErrorCode.Compacted => new(code,
                "the changes from version 1 on are no longer kept (Data:HistoryBytes, Data:HistoryTime); the oldest kept version is 5; " +
                "read the entries again, then start a new watch") { OldestVersion = 5 },
            _ => new(code, DetailOf(code, call)),
        };

        // The errors of the operations of a batch have the index of the operation.
        bool isOfOperation = code is ErrorCode.PreconditionFailed or ErrorCode.NotFound or ErrorCode.PathNotFound or
            ErrorCode.ValueTooLong or ErrorCode.MemoryFull;
        return isOfOperation && FunctionOf(call) == Function.Batch ? error with { Index = 0 } : error;
    }

    private static string DetailOf(ErrorCode code, FunctionCall? call) => code switch
    {
        ErrorCode.KeyTooLong => "the key has 5000 bytes of UTF-8, expected at most 4096 (Limits:KeyBytesMax)",
        ErrorCode.UnknownParameter => $"\"prefx\" is unknown, expected {Expected(call)}",
        ErrorCode.NotFound => "the key does not exist",
        ErrorCode.PathNotFound when FunctionOf(call) == Function.Patch =>
            "operation 0 (\"add\" of \"/address/city\"): the parent of the path does not exist",
        ErrorCode.PathNotFound => "the parent of the path does not exist",
        ErrorCode.AuthRequired => RequestClients.AuthRequired.Message,
        ErrorCode.Forbidden => "the user \"app\" has no grant for this key, expected one that allows read",
        ErrorCode.CrossOrigin => "the request comes from a page of another site, expected the same origin",
        ErrorCode.UnsupportedPatch =>
            $"the Content-Type is text/plain, expected {KeyEndpoints.MergePatchType} or {KeyEndpoints.JsonPatchType}",
        ErrorCode.UnsupportedEncoding => "the Content-Encoding is gzip, expected an uncompressed body",
        ErrorCode.ValueTooLong => "the value would exceed the maximum length (Limits:FrameBytesMax)",
        ErrorCode.FrameTooLong => "the body is too long, expected at most 16777216 bytes (Limits:FrameBytesMax)",
        ErrorCode.RequestIdReused => "the request id was recently used for a different request (Store:RequestIdWindow)",
        ErrorCode.NoDataDirectory => "the server has no data directory, because KestrelKv:Data:Durability is Memory or KestrelKv:Store:Engine is Postgres",
        ErrorCode.RequestsFull => ProtocolError.RequestsFull(bytes: 1_048_576).Message,
        ErrorCode.MemoryFull when FunctionOf(call) == Function.Delete =>
            "the records of request ids would take more than 1073741824 bytes (Store:RequestIdBytesMax); " +
            "earlier records expire after 00:05:00 (Store:RequestIdWindow)",
        ErrorCode.MemoryFull => ProtocolError.MemoryFull.Message,

        // The message of a failed snapshot is that of the system.
        ErrorCode.DiskFull when call is null => $"No space left on device : '{SnapshotPath}'",
        ErrorCode.DiskFailed when call is null => $"Input/output error : '{SnapshotPath}'",
        ErrorCode.DiskFull => ProtocolError.DiskFull.Message,
        ErrorCode.DiskFailed when FunctionOf(call) == Function.Watch =>
            "the changes from version 1 on cannot be read from disk now: " +
            "Input/output error : '/var/lib/kestrelkv/0000000000000000001.log'",
        ErrorCode.DiskFailed => ProtocolError.DiskFailed.Message,
        ErrorCode.Unavailable => "the database does not answer; the request was not executed: Failed to connect to 192.0.2.1:5432",
        ErrorCode.OutcomeUnknown =>
            "the connection to the database failed during the commit, and its outcome is not known: Exception while reading from stream",
        _ => ErrorCodes.Title(code),
    };

    private static bool IsWriteOfPart(FunctionCall? call) => FunctionOf(call) is Function.Put or Function.Patch or Function.Batch;

    private static Function FunctionOf(FunctionCall? call) => call?.Function.Function ?? Function.Invalid;

    private static string Expected(FunctionCall? call)
    {
        string names = string.Join(", ", call?.QueryNames ?? []);
        return names.Length == 0 ? "none" : names;
    }
}
