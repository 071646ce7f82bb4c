using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Cli.Transfer.Backup;

/// <summary>Downloads a backup to <c>FILE.part</c>, verifies it, and gives it its name. An incomplete or damaged file is deleted.</summary>
internal static class BackupDownload
{
    private const string NameDefault = "kestrelkv.snapshot";
    private const int BlockBytes = 256 * 1024;

    // A server that sends nothing for so long has failed. It copies the whole store before the last bytes.
    private static readonly TimeSpan StallTimeout = TimeSpan.FromMinutes(2);

    public static async Task<BackupFile> RunAsync(Session session, string? path, ProgressDisplay progress, CancellationToken stop)
    {
        using HttpClient http = ServerHttp.Create(session, Timeout.InfiniteTimeSpan);
        using HttpResponseMessage response = await GetAsync(http, stop);
        path ??= Path.GetFileName(response.Content.Headers.ContentDisposition?.FileName?.Trim('"')) is { Length: > 0 } name ? name : NameDefault;
        path = ResultFile.Resolve(path);
        string part = path + ".part";
        FileStream file = ExclusiveFile.Open(part, FileMode.Create, "backup");
        try
        {
            await using (file) await SaveAsync(response, file, progress, stop);

            // This lock lets the file be read, but not be written by another backup.
            using SafeFileHandle held = File.OpenHandle(part, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            BackupFile backup = await Task.Run(() => BackupFile.Verify(part, progress, stop), stop);
            File.Move(part, path, overwrite: true);
            return backup with { Path = path };
        }
        catch
        {
            ExclusiveFile.TryDelete(part);
            throw;
        }
    }

    private static async Task<HttpResponseMessage> GetAsync(HttpClient http, CancellationToken stop)
    {
        HttpResponseMessage response;
        try
        {
            response = await http.GetAsync(new Uri("v1/admin/backup", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, stop);
        }
        catch (HttpRequestException e)
        {
            throw new CommandFailure(ExitCode.Unreachable, "unreachable",
                $"{http.BaseAddress} cannot be reached: {e.Message} Set --http or KKV_HTTP if the address is another one");
        }
        if (response.IsSuccessStatusCode) return response;
        using (response) throw await FailureAsync(response, stop);
    }

    /// <summary>Returns the error of a reply, a problem of RFC 9457.</summary>
    private static async Task<CommandFailure> FailureAsync(HttpResponseMessage response, CancellationToken stop)
    {
        string text = await response.Content.ReadAsStringAsync(stop);
        try
        {
            using JsonDocument problem = JsonDocument.Parse(text);
            JsonElement root = problem.RootElement;
            string? code = Member(root, "code"), detail = Member(root, "detail") ?? Member(root, "title");
            if (code is not null) return CommandFailure.Failed(code, $"The server refused the backup: {detail} ({code})");
        }
        catch (JsonException)
        {
            // The reply is of another program, which the status describes.
        }
        return CommandFailure.Failed(
            "http", $"The reply of {response.RequestMessage?.RequestUri} has the status {(int)response.StatusCode}, expected 200");

        static string? Member(JsonElement root, string name) =>
            root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
                ? value.GetString() : null;
    }

    private static async Task SaveAsync(HttpResponseMessage response, FileStream file, ProgressDisplay progress, CancellationToken stop)
    {
        byte[] block = new byte[BlockBytes];
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(stop);
            while (true)
            {
                using var late = CancellationTokenSource.CreateLinkedTokenSource(stop);
                late.CancelAfter(StallTimeout);
                int read = await body.ReadAsync(block, late.Token);
                if (read == 0) break;
                await file.WriteAsync(block.AsMemory(0, read), stop);
                progress.Bytes += read;
                if (response.Content.Headers.ContentLength is > 0 and var length) progress.Done = (double)progress.Bytes / length;
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException { InnerException: not null } or HttpIOException)
        {
            throw CommandFailure.Failed("incomplete_backup",
                $"The download ended after {progress.Bytes} bytes, before the end of the backup: {e.Message.TrimEnd('.')}. It was deleted");
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw CommandFailure.Failed(
                "incomplete_backup", $"The server sent nothing for {StallTimeout.TotalSeconds} seconds. The download was deleted");
        }
        file.Flush(flushToDisk: true);
    }
}
