using System.Globalization;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Postgres;
using KestrelKv.Storage.Postgres.Backups;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Mvc;

namespace KestrelKv.Server.Admin;

/// <summary>A snapshot of the store on disk.</summary>
/// <param name="Version" example="5">The version of the last commit that the snapshot contains.</param>
/// <param name="Bytes" example="4096">The size of the file in bytes.</param>
/// <param name="DurationSeconds" example="0.012">The duration of the snapshot in seconds.</param>
/// <param name="At" example="1700000000.5">The time of completion: Unix time in seconds.</param>
public sealed record Snapshot(long Version, long Bytes, double DurationSeconds, decimal At);

/// <summary>Snapshots and backups. A stop cancels both.</summary>
internal static class DataEndpoints
{
    private const string Binary = "application/octet-stream";

    private static readonly ErrorCode[] Errors =
        [ErrorCode.InvalidValue, ErrorCode.CrossOrigin, ErrorCode.NoDataDirectory, ErrorCode.DiskFailed, ErrorCode.DiskFull];

    public static void MapData(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder admin = v1.MapGroup("/admin").ForAdmins().WithTags(TagFilter.Data)
            .AddEndpointFilter(SameOrigin.Check).AddEndpointFilter(ExplainFailure);
        admin.MapPost("/snapshot", SnapshotAsync).Produces<Snapshot>().Refuses(Errors);
        admin.MapRead("/backup", BackupAsync).Produces<FileResult>(StatusCodes.Status200OK, Binary)
            .Produces(StatusCodes.Status304NotModified).Refuses([.. Errors, ErrorCode.PreconditionFailed, ErrorCode.Unavailable]);
    }

    /// <summary>Takes a snapshot</summary>
    /// <remarks>
    /// Responds once the snapshot is on disk. Writes continue meanwhile. The log before the snapshot is kept only for watches.
    /// </remarks>
    /// <response code="200">The snapshot.</response>
    /// <response code="400">A parameter or a header is not valid.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="409">The server has no data directory.</response>
    /// <response code="503">The disk has failed, or the server is stopping.</response>
    /// <response code="507">The disk is full.</response>
    public static async Task<IResult> SnapshotAsync(HttpContext http, IHostApplicationLifetime lifetime)
    {
        if (http.RequestServices.GetService<DataDirectory>() is not { } directory) return Problems.NoDataDirectory();
        using CancellationTokenSource end = EndOf(http, lifetime);
        SnapshotInfo taken = await directory.SnapshotAsync(end.Token);
        return Results.Ok(new Snapshot(taken.Version, taken.Bytes, Math.Round(taken.Duration.TotalSeconds, 6), UnixTime.Seconds(taken.At)));
    }

    /// <summary>Downloads a backup</summary>
    /// <remarks>
    /// The response is one file with the whole store as of one commit, whose version is the <c>ETag</c>. The server sends the newest
    /// snapshot, and first takes a new one if there were commits since. With PostgreSQL, it first writes a temporary file, and sends one
    /// backup at a time. The file has the same format with both engines. A file shorter than <c>Content-Length</c> is incomplete.
    /// </remarks>
    /// <response code="200">The file.</response>
    /// <response code="304">If-None-Match lists the version.</response>
    /// <response code="400">A parameter or a header is not valid.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="409">The server has no data directory and no database.</response>
    /// <response code="412">If-Match does not list the version.</response>
    /// <response code="503">The disk or the database has failed, or the server is stopping.</response>
    /// <response code="507">The disk is full.</response>
    public static async Task<IResult> BackupAsync(HttpContext http, IHostApplicationLifetime lifetime)
    {
        var directory = http.RequestServices.GetService<DataDirectory>();
        var database = http.RequestServices.GetService<PostgresStore>();
        if (directory is null && database is null) return Problems.NoDataDirectory();
        if (!Conditions.TryRead(http.Request, out Conditions conditions)) return Problems.Of(Conditions.Unreadable);
        using CancellationTokenSource end = EndOf(http, lifetime);
        if (database is not null)
        {
            await using PostgresBackup backup = await database.OpenBackupAsync(
                version => conditions.AnswerToRead(version) is null, end.Token);
            return await SendAsync(http, conditions, backup.Version, backup.File, end.Token);
        }
        (SnapshotInfo snapshot, Stream file) = await directory!.OpenBackupAsync(end.Token);
        await using (file) return await SendAsync(http, conditions, snapshot.Version, file, end.Token);
    }

    /// <summary>Sends a backup, unless a precondition does not hold for its version. Only then may the file be null.</summary>
    private static async Task<IResult> SendAsync(
        HttpContext http, Conditions conditions, long version, Stream? file, CancellationToken cancellationToken)
    {
        HttpResponse response = http.Response;
        response.Headers.ETag = Conditions.ETag(version);
        if (conditions.AnswerToRead(version) is { } answer) return answer;
        response.ContentType = Binary;
        response.ContentLength = file!.Length;
        response.Headers.ContentDisposition =
            string.Create(CultureInfo.InvariantCulture, $"attachment; filename=\"kestrelkv-{version}.snapshot\"");
        if (!HttpMethods.IsHead(http.Request.Method)) await file.CopyToAsync(response.Body, cancellationToken);
        return Results.Empty;
    }

    /// <summary>Returns the token that ends a request: the client disconnects or loses its rights, or the server stops.</summary>
    private static CancellationTokenSource EndOf(HttpContext http, IHostApplicationLifetime lifetime) =>
        CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted, lifetime.ApplicationStopping, http.Features.Get<ClientRights>()?.Lost ?? CancellationToken.None);

    /// <summary>Returns the reason for a failure. Once the response has started, the connection is aborted instead.</summary>
    private static async ValueTask<object?> ExplainFailure(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        var clients = http.RequestServices.GetRequiredService<RequestClients>();
        using ClientRights? rights = clients.Follow(http, static identity => identity.Server.HasFlag(ServerRights.Admin));
        http.Features.Set(rights);
        try
        {
            return await next(context);
        }
        catch (OperationCanceledException) when (rights?.Error is not null && !http.Response.HasStarted)
        {
            http.Response.Clear();
            return Problems.Of(rights.Error);
        }
        catch (IOException e) when (!http.Response.HasStarted)
        {
            http.Response.Clear();
            return Problems.SnapshotFailed(e);
        }
        catch (StoreUnavailableException e) when (!http.Response.HasStarted)
        {
            http.Response.Clear();
            return Problems.Of(ErrorCode.Unavailable, e.Message);
        }
        catch (OperationCanceledException) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            http.Response.Clear();
            return Problems.Stopping();
        }
    }
}
