// Generated from openapi/user-workspaces.yaml by `npm run generate`. Do not edit.

export interface paths {
    "/tokens/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in and get a token
         * @description The body depends on the server's authentication adapter. Local sign-in takes a portal's client token and the user's name and e-mail. A new
         *     sign-in never revokes an older token. Adapters that need a browser may answer with `data` (for instance an address to visit) and no token.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller, and what the caller may use */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/tokens/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller's tokens, never their values */
        get: operations["listTokens"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/tokens/{token_id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An id, or `current` */
                token_id: components["parameters"]["token_id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a token at once
         * @description `current` in place of an id revokes the token that the request carries.
         */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Find users to share with
         * @description Unless the operator opened the directory, only who is known already is found: by the whole user name, or by at least three characters that the first or last name, "first last" or the e-mail begins with. In an open one any part of "first last" or of the e-mail finds, and without a search term everybody is listed. The caller is left out.
         */
        get: operations["searchUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's workspaces
         * @description Copies that were offered to the caller and not yet accepted are left out.
         */
        get: operations["listWorkspaces"];
        put?: never;
        /** Create a workspace with files and links */
        post: operations["createWorkspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        /**
         * One workspace, as a list of one
         * @description An id that does not exist, or is someone else's, gives an empty list. Id 0 lists all.
         */
        get: operations["getWorkspace"];
        /**
         * Rename, describe, add or replace files and links
         * @description Files and links are added or replaced, never removed. `request_workspace_details` stays as it was.
         */
        put: operations["updateWorkspace"];
        post?: never;
        /**
         * Delete a workspace and its files
         * @description Refused while jobs are pending or running, unless `force` is true, which stops them first. Deleting again while it is being deleted gives the same answer.
         */
        delete: operations["deleteWorkspace"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/start/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Start a job in a workspace */
        put: operations["startWorkspace"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/upload/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Put files into the top directory of a workspace
         * @description Any field names; an upload's file name loses its directories.
         */
        put: operations["uploadFiles"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/files/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        /**
         * The entries of a directory
         * @description Sorted by name. Dot files are shown.
         */
        get: operations["listFiles"];
        put?: never;
        post?: never;
        /** Delete a file, a link, or a directory with all that is in it */
        delete: operations["deleteFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/files/content/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        /**
         * Download a file
         * @description Streamed. `Range` (one range), `If-None-Match`, `If-Range` and `If-Match` are honoured; HEAD gives the headers alone.
         */
        get: operations["readFile"];
        /**
         * Write a whole file in one request
         * @description Streamed, of any size. The file appears whole or not at all: a broken upload leaves the old file. Missing directories are made. `If-Match` with
         *     an entity tag replaces only that version; `If-None-Match: *` only creates.
         */
        put: operations["writeFile"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/files/directory/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Make a directory and its missing parents */
        put: operations["makeDirectory"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/files/rename/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Rename or move an entry within its workspace */
        put: operations["renameFile"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/files/archive/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        /** A directory as an archive */
        get: operations["readArchive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/uploads/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin an upload in chunks, which can be resumed */
        post: operations["createUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workspaces/{workspace_id}/uploads/{upload_id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
                upload_id: string;
            };
            cookie?: never;
        };
        /** How far an upload has come */
        get: operations["getUpload"];
        /**
         * Send the next chunk of an upload
         * @description The chunk that completes the size puts the file in place. What arrived of a broken chunk stays; ask for the upload and go on from its offset.
         */
        put: operations["appendUpload"];
        post?: never;
        /** Give an upload up */
        delete: operations["abandonUpload"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller's jobs, those of deleted workspaces included */
        get: operations["listJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        /**
         * One job, as a list of one; as a WebSocket, the job's state now and at every change
         * @description An id that does not exist, or is someone else's, gives an empty list. Id 0 lists all. A WebSocket to this path sends `JobState` messages: the present state
         *     first, then every change.
         */
        get: operations["getJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/stop/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Stop a job */
        put: operations["stopJob"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/extend/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Raise a running job's time limit
         * @description The new limit counts from the job's start and must fit the server's parameters.
         */
        put: operations["extendJob"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{job_id}/logs/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        /**
         * Output of a job
         * @description Plain text. With `follow`, the answer goes on until the job has ended. `offset` continues from a position in the whole output; `X-Log-Offset` of the answer tells where it begins.
         */
        get: operations["readJobLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shared_workspaces/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shares that the caller sent and received */
        get: operations["listShares"];
        put?: never;
        /**
         * Offer copies of a workspace to other users
         * @description A copy of the files (no dot files) is made for each receiver in the background, and an e-mail is sent if the server has one configured.
         */
        post: operations["createShares"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shared_workspaces/{shared_workspace_id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the copy */
                shared_workspace_id: components["parameters"]["shared_workspace_id"];
            };
            cookie?: never;
        };
        /** One share, in the list of its side */
        get: operations["getShare"];
        put?: never;
        post?: never;
        /** Cancel or decline a share before it is accepted, or remove one in error */
        delete: operations["deleteShare"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shared_workspaces/{shared_workspace_id}/accept/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the copy */
                shared_workspace_id: components["parameters"]["shared_workspace_id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Accept a share that is not in error; again, the same answer */
        put: operations["acceptShare"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every change of the caller's workspaces, jobs and shares, as server-sent events
         * @description Each message's `id` numbers the caller's events, with a mark behind a point that tells an event from another one that had its number before a backup was restored; its `event` is the event's type
         *     and its `data` an `Event` as JSON, whose `id` is the number alone. `Last-Event-ID` (header, or query `last_event_id`), either of the two,
         *     resumes after that event without loss or repeat; without it the stream begins with what happens next, after one `hello` that tells the present number. Events are kept 7 days, and of a user the
         *     newest 5,000 or 64 MiB at most; an older id, and one with the mark of another event, gets a `reset` event, after which the reader must read its lists anew. A comment is sent as heartbeat every 15 seconds.
         */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All users
         * @description Like every list of administration, at most 100 rows unless `limit` says otherwise.
         */
        get: operations["adminListUsers"];
        put?: never;
        /**
         * Make a user before the first sign-in
         * @description Name and e-mail as the sign-in will tell them, by its rules: later it is refused with another e-mail. A name that is taken is refused (409).
         */
        post: operations["adminCreateUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        /** One user, with quotas and what is used of them */
        get: operations["adminGetUser"];
        put?: never;
        post?: never;
        /**
         * Remove a user who has nothing yet, such as one made by mistake
         * @description The name is free again. Tokens, open streams and requests end at once, on other replicas within five seconds. A user who has workspaces, jobs or shares is refused (409): deactivate them. Nobody can remove themselves.
         */
        delete: operations["adminDeleteUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/deactivate/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Keep a user out
         * @description Sign-ins are refused. Tokens, open streams and requests, and the user's way into sessions end at once, on other replicas within five seconds. Jobs go on unless `stop_jobs` is true. Nobody can deactivate themselves.
         */
        put: operations["adminDeactivateUser"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/reactivate/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Let a user in again
         * @description The user must sign in again; sessions of jobs that still run can be opened again.
         */
        put: operations["adminReactivateUser"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/quotas/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Give a user quotas of their own
         * @description Absent quotas stay as they are. What is used already is kept, even above the new limit.
         */
        put: operations["adminSetQuotas"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/role/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Make a user an administrator, or an ordinary user again
         * @description Nobody can take the role from themselves.
         */
        put: operations["adminSetRole"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/email/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Change a user's e-mail
         * @description The user then signs in with this address and no longer with the former one: a user name is refused under another e-mail than it is known by. Tokens stay good. An address that another user has is refused (409).
         */
        put: operations["adminSetEmail"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/tokens/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        /** A user's tokens, never their values */
        get: operations["adminListTokens"];
        put?: never;
        post?: never;
        /**
         * Revoke all tokens of a user
         * @description What they have opened ends at once, on other replicas within five seconds. Of one's own tokens also the one of this request: all else that it has opened ends, and this answer arrives.
         */
        delete: operations["adminRevokeTokens"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/tokens/{id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke one token of a user */
        delete: operations["adminRevokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/clients/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Portals that may sign their users in */
        get: operations["adminListClients"];
        put?: never;
        /**
         * Let a portal sign its users in
         * @description The client token is in this answer and nowhere else.
         */
        post: operations["adminCreateClient"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/clients/{id}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Refuse a portal from now on
         * @description Its users' tokens stay good. The portal of the configuration cannot be deleted, as it would come back with the next start.
         */
        delete: operations["adminDeleteClient"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/clients/{id}/rotate/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Give a portal a new client token; the former one stops working */
        put: operations["adminRotateClient"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/clients/{id}/sign_ins/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke all tokens that a portal has signed in
         * @description After a leak of its client token, which is to be rotated first. What the tokens have opened ends at once, on other replicas within five seconds, and so do all ways into sessions (tickets, cookies) of the users whom the portal has signed in. Also for a portal that was deleted.
         */
        delete: operations["adminRevokeSignIns"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/jobs/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody's jobs */
        get: operations["adminListJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/jobs/{job_id}/stop/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        get?: never;
        /** Stop anybody's job */
        put: operations["adminStopJob"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/launches/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Launches that no job knows
         * @description As after a backup of the database was restored. Those on the machine of the server that answers and in container engines; on a cluster its own tools show them. No server ends one by itself: it might be the database that is wrong.
         */
        get: operations["adminListLaunches"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/launches/{launch_key}/": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                launch_key: components["parameters"]["launch_key"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a launch that no job knows, and remove what is kept of it, its output included
         * @description Answers once it has ended: it gets the time that jobs get to end by themselves. 503 when that was not enough: ask again. The launch of a job is not found (404): the job is to be stopped.
         */
        delete: operations["adminEndLaunch"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/workspaces/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody's workspaces and their sizes, never their contents */
        get: operations["adminListWorkspaces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/directory/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether `GET /users/` without a search term lists everybody */
        get: operations["adminGetDirectory"];
        /**
         * Open or close the directory of users
         * @description Takes effect with the next request, on all replicas; null goes back to the configuration.
         */
        put: operations["adminSetDirectory"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/audit/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what to what, from where, and when */
        get: operations["adminListAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/job_types/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Job types of this server */
        get: operations["listJobTypes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/parameters/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Options that a start may carry */
        get: operations["listParameters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/resources/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where jobs run, what each place takes and how busy it is
         * @description The main one first. `health` and `load` are at most 5 seconds old.
         */
        get: operations["listResources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/limits/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Bounds of what a caller may send, open and ask
         * @description What goes beyond one is answered 413 or 429, with `limit` and, where they are known, `used` and `requested` in `error.details`.
         */
        get: operations["getLimits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Version, build, and health of what the server depends on */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process runs */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process can serve requests */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures for Prometheus */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/passthrough/{hostname}/{job_id}/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session's host as recorded by its resource */
                hostname: string;
                job_id: components["parameters"]["job_id"];
                /** @description Anything, slashes included; passed on untouched */
                path: string;
            };
            cookie?: never;
        };
        /**
         * The session of a running job, every method and WebSocket
         * @description Relayed to the job's own server. Authorised by a ticket in the query (part of `connection_details.url_path`), which is traded for a cookie and a redirect; by that cookie; or
         *     by token. Only the job's owner gets in. With a pass-through domain, sessions have a host name of their own, `<host>-<port>.<domain>`, instead.
         */
        get: operations["openSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description | code | status | meaning |
         *     | --- | --- | --- |
         *     | `invalid_json` | 400 | the body is not JSON |
         *     | `invalid_field` | 400 | a field or parameter has a value that cannot be accepted |
         *     | `missing_field` | 400 | a required field is missing |
         *     | `invalid_path` | 400 | a file name or path is unsafe, or not of the right kind |
         *     | `link_refused` | 400 | a link's target is missing or not below an allowed root |
         *     | `unknown_job_type` | 400 | this server has no such job type, or not on that resource |
         *     | `job_type_misconfigured` | 400 | the operator must mend the job type's configuration |
         *     | `unknown_action` | 400 | the last segment of a PUT is not known |
         *     | `workspace_busy` | 400 | jobs are running in the workspace, or shares of it wait |
         *     | `share_pending` | 400 | the workspace is a share that was not accepted yet |
         *     | `share_accepted` | 400 | the share was accepted already |
         *     | `job_not_active` | 400 | the job is neither pending nor running |
         *     | `not_authenticated` | 401 | no credentials, or a malformed header |
         *     | `invalid_token` | 401 | the token is unknown, expired or revoked, or its user deactivated |
         *     | `sign_in_failed` | 401 | the credentials of a sign-in are wrong |
         *     | `permission_denied` | 403 | known caller, not allowed |
         *     | `not_found` | 404 | no such thing, or someone else's |
         *     | `method_not_allowed` | 405 | see the Allow header |
         *     | `request_timeout` | 408 | the body was sent too slowly |
         *     | `conflict` | 409 | the thing exists, or changed meanwhile |
         *     | `idempotency_conflict` | 409 | the key was used with another body, or its first request is still at work |
         *     | `precondition_failed` | 412 | If-Match or If-None-Match does not hold |
         *     | `too_large` | 413 | a body, header or list exceeds its limit; `details` has limit and, if known, requested |
         *     | `range_not_satisfiable` | 416 | the range lies outside the file |
         *     | `invalid_options` | 422 | `resource_options` break the parameters' rules |
         *     | `quota_exceeded` | 429 | a quota is used up; `details` is a `QuotaExceeded`; no Retry-After, as no time is known |
         *     | `rate_limited` | 429 | too many requests, or too many open at once; see Retry-After, `details` has limit and used |
         *     | `internal` | 500 | a defect of the server; quote the request id |
         *     | `unsupported` | 501 | this server's adapters cannot do that |
         *     | `session_unreachable` | 502 | the job's own server does not answer |
         *     | `unavailable` | 503 | a system behind the server does not answer; nothing changed; see Retry-After |
         *     | `disk_full` | 507 | no space is left where the file belongs |
         * @enum {string}
         */
        ErrorCode: "invalid_json" | "invalid_field" | "missing_field" | "invalid_path" | "link_refused" | "unknown_job_type" | "job_type_misconfigured" | "unknown_action" | "workspace_busy" | "share_pending" | "share_accepted" | "job_not_active" | "not_authenticated" | "invalid_token" | "sign_in_failed" | "permission_denied" | "not_found" | "method_not_allowed" | "request_timeout" | "conflict" | "idempotency_conflict" | "precondition_failed" | "too_large" | "range_not_satisfiable" | "invalid_options" | "quota_exceeded" | "rate_limited" | "internal" | "unsupported" | "session_unreachable" | "unavailable" | "disk_full";
        /**
         * @example {
         *       "success": false,
         *       "message": "Missing required fields.",
         *       "error": {
         *         "code": "missing_field",
         *         "field": "name"
         *       },
         *       "request_id": "5f0c…"
         *     }
         */
        ErrorAnswer: {
            /** @constant */
            success: false;
            /** @description What was wrong, where, and what to do next */
            message: string;
            error: {
                code: components["schemas"]["ErrorCode"];
                /** @description The field or parameter at fault */
                field?: string;
                /** @description Facts for programs, such as limit, used and requested */
                details?: {
                    [key: string]: unknown;
                };
            };
            request_id: string;
        };
        /**
         * @example {
         *       "success": true,
         *       "message": "Successful."
         *     }
         */
        Answer: {
            /** @constant */
            success: true;
            message: string;
        };
        /** @description Depends on the authentication adapter. */
        SignInRequest: {
            [key: string]: unknown;
        };
        SignInAnswer: {
            /** @constant */
            success: true;
            message: string;
            /** @description To be sent as `UWS-Authorization` */
            token?: string;
            datetime_expires?: components["schemas"]["Time"];
            /** @description What an adapter that needs a browser asks for */
            data?: {
                [key: string]: unknown;
            };
        };
        /**
         * Format: date-time
         * @example 2026-11-23T09:06:47.718Z
         */
        Time: string;
        /** Format: date-time */
        NullableTime: string | null;
        /** @enum {string} */
        Role: "user" | "administrator";
        /**
         * @description `disk_space`: bytes over all workspaces of the user, as last surveyed; a copy counts once it is accepted. `core_hours`: of all jobs ever; a job that has not ended counts with all
         *     that it may use until its time limit. `active_jobs`: jobs that are pending, running or stopping. `workspaces`: those that are not being deleted.
         * @enum {string}
         */
        QuotaScope: "disk_space" | "core_hours" | "active_jobs" | "workspaces";
        Quota: {
            /** @description null: none */
            limit: number | null;
            used: number;
        };
        /** @description By scope; see `QuotaScope` for what counts. */
        Quotas: {
            disk_space: components["schemas"]["Quota"];
            core_hours: components["schemas"]["Quota"];
            active_jobs: components["schemas"]["Quota"];
            workspaces: components["schemas"]["Quota"];
        };
        /** @description The `details` of an error with the code `quota_exceeded`. */
        QuotaExceeded: {
            scope: components["schemas"]["QuotaScope"];
            limit: number;
            used: number;
            /** @description What the request would have added */
            requested: number;
        };
        Me: {
            id: number;
            username: string;
            email: string;
            first_name: string;
            last_name: string;
            /** @description Name of the account that owns the caller's files */
            account: string;
            role: components["schemas"]["Role"];
            quotas: components["schemas"]["Quotas"];
            /** @description Number of the newest event, to begin `GET /events/` from */
            event_id: number;
        };
        MeAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                user: components["schemas"]["Me"];
            };
        };
        Token: {
            id: number;
            /** @description How it was made */
            name: string;
            datetime_created: components["schemas"]["Time"];
            datetime_expires: components["schemas"]["Time"];
            datetime_last_used: components["schemas"]["NullableTime"];
            is_current: boolean;
        };
        TokensAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                tokens: components["schemas"]["Token"][];
            };
        };
        User: {
            id: number;
            first_name: string;
            last_name: string;
            username: string;
            email: string;
        };
        UsersAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                users: components["schemas"]["User"][];
                next_cursor?: string;
            };
        };
        NewFile: {
            /** @description Relative to the workspace */
            name: string;
            /** @description Text; absent means an empty file */
            content?: string;
        };
        NewLink: {
            name: string;
            /** @description Where the link points to; below a root that the operator allows */
            source_path?: string;
            /** @description Where the storage knows data sets by id */
            dataset_uuid?: string;
        };
        NewWorkspaceDetails: {
            files?: components["schemas"]["NewFile"][];
            symlinks?: components["schemas"]["NewLink"][];
            /** @description For storages that look data sets up with the user's Globus groups */
            globus_groups_token?: string;
        };
        WorkspaceCreateRequest: {
            name: string;
            description: string;
            default_job_type?: string | null;
            workspace_details?: components["schemas"]["NewWorkspaceDetails"];
        };
        WorkspaceUpdateRequest: {
            name?: string;
            description?: string;
            default_job_type?: string | null;
            workspace_details?: components["schemas"]["NewWorkspaceDetails"];
        };
        StartRequest: {
            job_type?: string;
            job_details?: {
                [key: string]: unknown;
            };
            /** @description Options of `GET /parameters/`; unknown ones are ignored */
            resource_options?: {
                [key: string]: unknown;
            };
            /** @description Which resource should run it; absent: the job type's first */
            resource?: string;
        };
        ExtendRequest: {
            time_limit_minutes: number;
        };
        RenameRequest: {
            from: string;
            to: string;
        };
        UploadCreateRequest: {
            path: string;
            size_bytes: number;
            /** @description Replace only the file with this etag; null: only create */
            if_match?: string | null;
        };
        ShareCreateRequest: {
            /** @description A number, or its decimal digits as a string */
            original_workspace_id: number | string;
            shared_user_ids: number[];
        };
        FileName: {
            name: string;
        };
        RequestedLink: {
            name: string;
            source_path?: string;
            dataset_uuid?: string;
        } & {
            [key: string]: unknown;
        };
        WorkspaceDetails: {
            request_workspace_details: {
                files: components["schemas"]["FileName"][];
                symlinks: components["schemas"]["RequestedLink"][];
            };
            /** @description Names begin with a slash; dot files and dot directories are left out */
            current_workspace_details: {
                files: components["schemas"]["FileName"][];
                symlinks: components["schemas"]["FileName"][];
            };
        };
        /** @enum {string} */
        WorkspaceStatus: "initializing" | "idle" | "active" | "deleting" | "error";
        Workspace: {
            id: number;
            name: string;
            description: string;
            /** @description Bytes */
            disk_space: number;
            datetime_created: components["schemas"]["Time"];
            datetime_last_modified: components["schemas"]["NullableTime"];
            datetime_last_job_launch: components["schemas"]["NullableTime"];
            workspace_details: components["schemas"]["WorkspaceDetails"];
            status: components["schemas"]["WorkspaceStatus"];
            /** @description Why it is in error */
            status_reason: string | null;
            default_job_type: string | null;
            /** @description Rises with every change */
            version: number;
        };
        WorkspacesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                workspaces: components["schemas"]["Workspace"][];
                next_cursor?: string;
            };
        };
        WorkspaceAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                workspace: components["schemas"]["Workspace"];
            };
        };
        /** @enum {string} */
        JobStatus: "pending" | "running" | "stopping" | "complete" | "failed";
        /**
         * @description Why a job has ended: `finished` (exit code 0), `stopped` (on request), `time_limit`, `exit_code` (not 0), `signal`, `memory_limit`, `node_failure`,
         *     `launch_failed` (it never ran), `lost` (it ran, and how it ended cannot be known), `idle` (stopped because nobody used it), `start_timeout` (stopped
         *     because its session was not ready in time), `session_lost` (stopped because its session had gone while the job ran on).
         * @enum {string}
         */
        JobStatusReason: "finished" | "stopped" | "time_limit" | "exit_code" | "signal" | "memory_limit" | "node_failure" | "launch_failed" | "lost" | "idle" | "start_timeout" | "session_lost";
        /**
         * @description How far a job has come; of an ended job, how far it came: `launching` (its resource does not have it yet), `queued` (its resource has it, and it waits),
         *     `starting` (it runs, and its session does not answer yet), `running` (its session has answered, or it serves none).
         * @enum {string}
         */
        JobPhase: "launching" | "queued" | "starting" | "running";
        ProxyDetails: {
            hostname: string;
            port: number;
            path: string;
        };
        ConnectionDetails: {
            /** @description Scheme and host, without a trailing slash */
            url_domain: string;
            /** @description Begins with a slash; its query holds a ticket, so it is good for some minutes */
            url_path: string;
        };
        CurrentJobDetails: {
            message?: string;
            /** @description Seconds */
            time_left?: number | null;
            proxy_details?: components["schemas"]["ProxyDetails"];
            connection_details?: components["schemas"]["ConnectionDetails"];
        };
        JobDetails: {
            metrics: {
                /** @description Seconds */
                time_pending?: number;
                /** @description Seconds */
                time_init?: number;
            };
            /** @description As sent, with the options asked for in `resource_options` */
            request_job_details: {
                [key: string]: unknown;
            };
            current_job_details: components["schemas"]["CurrentJobDetails"];
        };
        Job: {
            id: number;
            workspace_id: number;
            /** @description -1 until launched; then the process id or the cluster's job number */
            resource_job_id: number;
            job_type: string;
            status: components["schemas"]["JobStatus"];
            datetime_created: components["schemas"]["Time"];
            datetime_start: components["schemas"]["NullableTime"];
            datetime_end: components["schemas"]["NullableTime"];
            /** @description 0 in the answer to a start, elsewhere a string with five decimals */
            core_hours: number | string;
            /** @description Hours times GPUs that it had; null until it has ended, and where the resource does not tell how many it had */
            gpu_hours: number | null;
            job_details: components["schemas"]["JobDetails"];
            /** @description Where it runs */
            resource: string;
            /** @description The resource's own name for it */
            resource_handle: string | null;
            status_reason: components["schemas"]["JobStatusReason"] | null;
            /** @description The reason in words */
            status_message: string | null;
            /** @description Why it waits */
            queue_reason: string | null;
            datetime_expected_start: components["schemas"]["NullableTime"];
            datetime_time_limit: components["schemas"]["NullableTime"];
            phase: components["schemas"]["JobPhase"];
            /** @description Last known use of its session; its changes send no event */
            datetime_last_activity: components["schemas"]["Time"] | null;
            /** @description When it will be stopped unless its session is used before */
            datetime_idle_stop: components["schemas"]["Time"] | null;
            exit_code: number | null;
            signal: string | null;
            /** @description Of a job that failed, or that ended before its session was ready */
            last_log_lines: string[];
            /** @description Rises with every change */
            version: number;
        };
        JobState: {
            status: components["schemas"]["JobStatus"];
            current_job_details: components["schemas"]["CurrentJobDetails"];
        };
        JobsAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                jobs: components["schemas"]["Job"][];
                next_cursor?: string;
            };
        };
        JobAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                job: components["schemas"]["Job"];
            };
        };
        File: {
            /** @description Relative to the workspace */
            path: string;
            name: string;
            /** @enum {string} */
            kind: "file" | "directory" | "symlink" | "other";
            size_bytes: number;
            datetime_modified: components["schemas"]["Time"];
            etag: string;
            /** @description Where a link points to */
            target?: string;
        };
        FilesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                files: components["schemas"]["File"][];
                next_cursor?: string;
            };
        };
        FileAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                file: components["schemas"]["File"];
            };
        };
        Upload: {
            id: string;
            path: string;
            size_bytes: number;
            /** @description Bytes that are safely stored */
            offset: number;
            file?: components["schemas"]["File"];
        };
        UploadAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                upload: components["schemas"]["Upload"];
            };
        };
        ShareUser: {
            username: string;
            first_name: string;
            last_name: string;
            email: string;
        };
        ShareWorkspace: {
            id: number;
            name: string;
            description: string;
            workspace_details: components["schemas"]["WorkspaceDetails"];
            user_id: components["schemas"]["ShareUser"];
        };
        /** @enum {string} */
        ShareStatus: "copying" | "copied" | "error";
        Share: {
            original_workspace_id: components["schemas"]["ShareWorkspace"] | null;
            shared_workspace_id: components["schemas"]["ShareWorkspace"];
            /** @description Options of the original's last job, under its resource's names */
            last_resource_options: {
                [key: string]: unknown;
            };
            last_job_type: string | null;
            is_accepted: boolean;
            /** @description Of the copy; one in error is never made, and can be deleted by both sides */
            status: components["schemas"]["ShareStatus"];
            /** @description Why it is in error, or what its copying waits for */
            status_reason: string | null;
            datetime_share_created: components["schemas"]["Time"];
        };
        SharesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                /** @description Sent by the caller */
                original_workspaces: components["schemas"]["Share"][];
                /** @description Received by the caller */
                shared_workspaces: components["schemas"]["Share"][];
                next_cursor?: string;
            };
        };
        SharesCreatedAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                shared_workspaces: components["schemas"]["Share"][];
            };
        };
        /** @description One change. Its object is the subject as the API shows it to the event's reader at that moment. */
        Event: components["schemas"]["HelloEvent"] | components["schemas"]["ResetEvent"] | components["schemas"]["WorkspaceChangedEvent"] | components["schemas"]["WorkspaceDeletedEvent"] | components["schemas"]["JobChangedEvent"] | components["schemas"]["JobIdleWarningEvent"] | components["schemas"]["ShareChangedEvent"] | components["schemas"]["ShareDeletedEvent"];
        /** @description The stream has begun; nothing before `id` will follow. */
        HelloEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "hello";
            id: number;
            datetime: components["schemas"]["Time"];
        };
        /** @description Events after the asked id are gone; read the lists anew. The stream goes on after `id`. */
        ResetEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reset";
            id: number;
            datetime: components["schemas"]["Time"];
        };
        /** @description A workspace was created or changed. */
        WorkspaceChangedEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "workspace.changed";
            id: number;
            datetime: components["schemas"]["Time"];
            workspace: components["schemas"]["Workspace"];
        };
        /** @description A workspace and its files are gone. */
        WorkspaceDeletedEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "workspace.deleted";
            id: number;
            datetime: components["schemas"]["Time"];
            workspace_id: number;
        };
        /** @description A job was asked for or changed. Its `connection_details` are left out; read the job to get a fresh ticket. */
        JobChangedEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "job.changed";
            id: number;
            datetime: components["schemas"]["Time"];
            job: components["schemas"]["Job"];
        };
        /**
         * @description Nobody has used a job's session for long: it will be stopped at the job's `datetime_idle_stop` unless somebody does. Comes once for each such time, after the
         *     `job.changed` that sets it.
         */
        JobIdleWarningEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "job.idle_warning";
            id: number;
            datetime: components["schemas"]["Time"];
            job: components["schemas"]["Job"];
        };
        /** @description A share was made or accepted, its copy is complete, or its original was deleted. */
        ShareChangedEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "share.changed";
            id: number;
            datetime: components["schemas"]["Time"];
            share: components["schemas"]["Share"];
        };
        /** @description A share was cancelled or declined, or its copy was deleted. */
        ShareDeletedEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "share.deleted";
            id: number;
            datetime: components["schemas"]["Time"];
            shared_workspace_id: number;
        };
        /** @description A quota of the user's own: a limit, null for none, or `default` for the server's */
        OwnQuota: number | null | "default";
        /** @description The same for core hours, which may have fractions */
        OwnHours: number | null | "default";
        OwnQuotas: {
            disk_space: components["schemas"]["OwnQuota"];
            core_hours: components["schemas"]["OwnHours"];
            active_jobs: components["schemas"]["OwnQuota"];
            workspaces: components["schemas"]["OwnQuota"];
        };
        OwnQuotaChanges: {
            disk_space?: components["schemas"]["OwnQuota"];
            core_hours?: components["schemas"]["OwnHours"];
            active_jobs?: components["schemas"]["OwnQuota"];
            workspaces?: components["schemas"]["OwnQuota"];
        };
        NewUserRequest: {
            /** @description What the sign-in takes for a user name */
            username: string;
            /** @description What the sign-in takes for an address */
            email: string;
            /** @description Absent: none, until a sign-in tells it */
            first_name?: string;
            /** @description Likewise */
            last_name?: string;
            /** @description Absent: user */
            role?: components["schemas"]["Role"];
        };
        RoleRequest: {
            role: components["schemas"]["Role"];
        };
        EmailRequest: {
            /** @description What the sign-in takes for an address */
            email: string;
        };
        AdminUser: {
            id: number;
            username: string;
            email: string;
            first_name: string;
            last_name: string;
            role: components["schemas"]["Role"];
            is_active: boolean;
            datetime_created: components["schemas"]["Time"];
            datetime_deactivated: components["schemas"]["NullableTime"];
            /** @description Bytes in use, as last surveyed */
            disk_space: number;
            /** @description Of ended jobs */
            core_hours: number;
            own_quotas: components["schemas"]["OwnQuotas"];
        };
        AdminUsersAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                users: components["schemas"]["AdminUser"][];
                next_cursor?: string;
            };
        };
        AdminUserAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                user: components["schemas"]["AdminUser"];
                quotas: components["schemas"]["Quotas"];
            };
        };
        AdminToken: {
            id: number;
            name: string;
            datetime_created: components["schemas"]["Time"];
            datetime_expires: components["schemas"]["Time"];
            datetime_last_used: components["schemas"]["NullableTime"];
        };
        AdminTokensAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                tokens: components["schemas"]["AdminToken"][];
            };
        };
        Client: {
            id: number;
            name: string;
            /** @description Its token comes from the configuration, at every start */
            is_configured: boolean;
            datetime_created: components["schemas"]["Time"];
        };
        ClientRequest: {
            name: string;
        };
        ClientsAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                clients: components["schemas"]["Client"][];
                next_cursor?: string;
            };
        };
        ClientTokenAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                client: components["schemas"]["Client"];
                /** @description Shown only here */
                client_token: string;
            };
        };
        RevokedSignInsAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                /** @description Tokens that were revoked */
                revoked: number;
                /** @description How many users had them */
                users: number;
                /** @description Sign-ins that are still good and of which was not kept which portal they are from: those of before an upgrade. The audit log may tell */
                undetermined: number;
            };
        };
        /** @description A job as an administrator sees it: what it takes, not what is in it, and no way into its session. */
        AdminJob: {
            id: number;
            user_id: number;
            username: string | null;
            workspace_id: number;
            job_type: string;
            resource: string;
            resource_handle: string | null;
            status: components["schemas"]["JobStatus"];
            status_reason: components["schemas"]["JobStatusReason"] | null;
            status_message: string | null;
            queue_reason: string | null;
            phase: components["schemas"]["JobPhase"];
            exit_code: number | null;
            signal: string | null;
            datetime_created: components["schemas"]["Time"];
            datetime_start: components["schemas"]["NullableTime"];
            datetime_end: components["schemas"]["NullableTime"];
            datetime_time_limit: components["schemas"]["NullableTime"];
            core_hours: number;
            gpu_hours: number | null;
            resource_options: {
                [key: string]: unknown;
            };
        };
        AdminJobsAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                jobs: components["schemas"]["AdminJob"][];
                next_cursor?: string;
            };
        };
        UnknownLaunch: {
            /** @description The resource's name for it, by which it is ended */
            launch_key: string;
            resource: string;
            /**
             * @description As the resource says; `absent`: something is kept of it, but it never ran; `unknown`: the resource could not tell
             * @enum {string}
             */
            state: "pending" | "running" | "ended" | "absent" | "unknown";
            /** @description As of a job */
            resource_job_id: number | null;
            datetime_started: components["schemas"]["NullableTime"];
        };
        UnknownLaunchesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                launches: components["schemas"]["UnknownLaunch"][];
            };
        };
        AdminWorkspace: {
            id: number;
            user_id: number;
            username: string | null;
            name: string;
            status: components["schemas"]["WorkspaceStatus"];
            /** @description Bytes */
            disk_space: number;
            storage: string;
            /** @description False for a copy that its receiver has not accepted */
            is_accepted: boolean;
            datetime_created: components["schemas"]["Time"];
            datetime_last_modified: components["schemas"]["NullableTime"];
            datetime_last_job_launch: components["schemas"]["NullableTime"];
        };
        AdminWorkspacesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                workspaces: components["schemas"]["AdminWorkspace"][];
                next_cursor?: string;
            };
        };
        Directory: {
            is_open: boolean;
            /** @enum {string} */
            source: "configuration" | "administrator";
        };
        DirectoryRequest: {
            /** @description null: as configured */
            is_open: boolean | null;
        };
        DirectoryAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                directory: components["schemas"]["Directory"];
            };
        };
        /** @enum {string} */
        AuditAction: "sign_in" | "token.create" | "token.revoke" | "workspace.create" | "workspace.delete" | "file.write" | "file.rename" | "file.delete" | "job.start" | "job.stop" | "job.extend" | "share.create" | "share.accept" | "share.delete" | "session.open" | "user.create" | "user.deactivate" | "user.reactivate" | "user.quotas" | "user.role" | "user.email" | "user.delete" | "client.create" | "client.rotate" | "client.delete" | "client.revoke_sign_ins" | "launch.end" | "directory.set" | "administration";
        /** @enum {string} */
        AuditOutcome: "done" | "refused";
        /** @enum {string} */
        AuditActorKind: "user" | "terminal" | "server" | "nobody";
        /** @enum {string} */
        AuditSubjectKind: "user" | "token" | "client" | "workspace" | "job" | "share" | "directory";
        /** @description `terminal`: somebody at the server's host; `server`: the server itself; `nobody`: not signed in */
        AuditActor: {
            kind: components["schemas"]["AuditActorKind"];
            user_id: number | null;
            name: string | null;
        };
        AuditEntry: {
            id: number;
            datetime: components["schemas"]["Time"];
            action: components["schemas"]["AuditAction"];
            outcome: components["schemas"]["AuditOutcome"];
            actor: components["schemas"]["AuditActor"];
            subject_kind: components["schemas"]["AuditSubjectKind"] | null;
            subject_id: number | null;
            /** @description Of the client, as trusted proxies tell it */
            address: string | null;
            request_id: string | null;
            details: {
                [key: string]: unknown;
            };
        };
        AuditAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                entries: components["schemas"]["AuditEntry"][];
                next_cursor?: string;
            };
        };
        JobType: {
            id: string;
            name: string;
            /** @description Where it may run, the default first */
            resources: string[];
            /** @description Its jobs are stopped when nobody has used their session for so long; null: never */
            idle_timeout_minutes: number | null;
        };
        JobTypesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                job_types: {
                    [key: string]: components["schemas"]["JobType"];
                };
            };
        };
        Parameter: {
            display_name: string;
            description: string;
            variable_name: string;
            default_value: unknown;
            validation: {
                /** @enum {string} */
                type: "int" | "str" | "bool" | "float" | "list" | "dict";
                min?: number;
                max?: number;
                required?: boolean;
            } & {
                [key: string]: unknown;
            };
        } & {
            [key: string]: unknown;
        };
        ParametersAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                parameters: components["schemas"]["Parameter"][];
            };
        };
        Capacity: {
            total: number;
            free: number;
        };
        /** @description Other people's jobs included; null is what the resource does not tell */
        ResourceLoad: {
            running_jobs: number | null;
            queued_jobs: number | null;
            cpus: components["schemas"]["Capacity"] | null;
            memory_mb: components["schemas"]["Capacity"] | null;
            gpus: components["schemas"]["Capacity"] | null;
        };
        Resource: {
            name: string;
            /** @description Such as `local`, `slurm` or `docker` */
            kind: string;
            /** @description Ids of the job types that may run here */
            job_types: string[];
            health: components["schemas"]["Dependency"];
            /** @description Whether a limit is enforced and by what, in words */
            limits: {
                time: string;
                memory: string;
                cpu: string;
            };
            /** @description The time limit of a running job can be raised */
            can_extend: boolean;
            /** @description Those of `GET /parameters/` that a start here heeds; `gpu_enabled` only where there are GPUs */
            options: components["schemas"]["Parameter"][];
            /** @description Jobs of this server */
            jobs: {
                pending: number;
                running: number;
            };
            /** @description Null when the resource does not tell, or did not answer */
            load: components["schemas"]["ResourceLoad"] | null;
        };
        ResourcesAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                resources: components["schemas"]["Resource"][];
            };
        };
        Limits: {
            /** @description The head of a request; the extensions of the chunks of a body have 16 KiB at most */
            header_bytes: number;
            /** @description Headers of a request */
            headers: number;
            /** @description A request's address, its query included */
            url_bytes: number;
            /** @description A JSON body; that of a sign-in has 64 KiB at most */
            json_bytes: number;
            /** @description Objects and lists inside each other in a JSON body */
            json_depth: number;
            /** @description Values in a JSON body: objects, lists and what is in them */
            json_values: number;
            /** @description JSON bodies of a user that are received or worked on at once, together; those of an address without a good token have a quarter of it */
            open_json_bytes: number;
            /** @description JSON bodies of all users that are received or worked on at once, together; more are answered 503. Those without a good token have a quarter more for themselves */
            all_json_bytes: number;
            /** @description What a start tells of its job: its `job_details` and the known ones of its `resource_options`, as JSON */
            job_details_bytes: number;
            /** @description Names and targets of the files and links of a request, as JSON; contents are not among them */
            workspace_details_bytes: number;
            /** @description Rows of a list of workspaces, jobs or shares. A longer list is answered in pages only, of which some may then have fewer rows than `limit` */
            list_bytes: number;
            /** @description A file, however it is sent */
            file_bytes: number;
            /** @description A chunk of an upload */
            chunk_bytes: number;
            /** @description Files that a request makes or replaces */
            files_per_request: number;
            /** @description Links that a request makes or replaces */
            links_per_request: number;
            /** @description Links in a workspace, those of a request together with those that its `current_workspace_details` shows */
            links_per_workspace: number;
            /** @description Users to whom a request offers copies */
            shares_per_request: number;
            /** @description Requests of a user or, without a good token, of an address; after a quiet minute so many at once, too */
            requests_per_minute: number;
            /** @description Sign-ins from one address that fail, and likewise wrong tokens from one address sent to sessions, each counted by themselves; a portal signs all its users in from one */
            failed_sign_ins_per_minute: number;
            /** @description Requests of a user under way at once, streams and archives included; those to sessions are not */
            open_requests: number;
            /** @description Event streams that a user reads at once */
            open_event_streams: number;
            /** @description WebSockets of jobs that a user has open at once */
            open_job_sockets: number;
            /** @description Archives that a user reads at once */
            open_archives: number;
            /** @description Uploads that a user began and neither finished nor gave up */
            open_uploads: number;
            /** @description Copies that a user offers and that are neither accepted nor declined, or not made yet */
            open_shares: number;
            /** @description Those of them that are offered to one user */
            open_shares_to_one: number;
            /** @description Requests to one session under way at once */
            open_session_requests: number;
            /** @description WebSockets to one session that are open at once */
            open_session_sockets: number;
            /** @description WebSockets to all sessions together that are open at once; more are answered 503 */
            all_session_sockets: number;
            /** @description Time for the head of a request */
            header_seconds: number;
            /** @description Time for a JSON body */
            json_seconds: number;
            /** @description Time without a byte of a body that is being sent, or with less than 1 KiB a second of one of files, and without one taken of an answer that waits */
            idle_seconds: number;
        };
        LimitsAnswer: {
            /** @constant */
            success: true;
            message: string;
            data: {
                limits: components["schemas"]["Limits"];
            };
        };
        Dependency: {
            connected: boolean;
            message: string;
            /** @description What the adapter says about itself */
            details?: string;
        };
        StatusAnswer: {
            /** @constant */
            success: true;
            message: string;
            version: string;
            build: string;
            dependencies: {
                main_resource: components["schemas"]["Dependency"];
                api_user_authentication: components["schemas"]["Dependency"];
                resources: {
                    [key: string]: components["schemas"]["Dependency"];
                };
                storage_methods: {
                    [key: string]: components["schemas"]["Dependency"];
                };
                user_authentication_methods: {
                    [key: string]: components["schemas"]["Dependency"];
                };
                database: components["schemas"]["Dependency"];
            };
        };
    };
    responses: {
        /** @description An error; `error.code` says which */
        Error: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
    };
    parameters: {
        workspace_id: number;
        job_id: number;
        launch_key: string;
        /** @description Id of the copy */
        shared_workspace_id: number;
        user_id: number;
        id: number;
        /** @description An id, or `current` */
        token_id: string;
        /** @description Rows per page */
        limit: number;
        /** @description `next_cursor` of the page before */
        cursor: string;
        /** @description A leading minus means descending */
        order: "id" | "-id" | "datetime_created" | "-datetime_created";
        /** @description Relative to the workspace, `/`-separated */
        path: string;
        /** @description Relative to the workspace, `/`-separated; absent: the workspace itself */
        optional_path: string;
        /** @description For 24 hours, the same key with the same body makes nothing new and answers with what the first request made; 404 once that was deleted; with another body 409 */
        idempotency_key: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SignInRequest"];
            };
        };
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Tokens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokensAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description An id, or `current` */
                token_id: components["parameters"]["token_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    searchUsers: {
        parameters: {
            query?: {
                /** @description Case-insensitive, but for the user name */
                search?: string;
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsersAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listWorkspaces: {
        parameters: {
            query?: {
                /** @description Exact name */
                name?: string;
                /** @description Exact description */
                description?: string;
                /** @description Exact status; an unknown one matches nothing */
                status?: string;
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Workspaces */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspacesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    createWorkspace: {
        parameters: {
            query?: never;
            header?: {
                /** @description For 24 hours, the same key with the same body makes nothing new and answers with what the first request made; 404 once that was deleted; with another body 409 */
                "Idempotency-Key"?: components["parameters"]["idempotency_key"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkspaceCreateRequest"];
            };
        };
        responses: {
            /** @description Created */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A list of one or none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspacesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    updateWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["WorkspaceUpdateRequest"];
            };
        };
        responses: {
            /** @description Updated */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteWorkspace: {
        parameters: {
            query?: {
                /** @description Stop running jobs first */
                force?: boolean;
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Queued */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    startWorkspace: {
        parameters: {
            query?: never;
            header?: {
                /** @description For 24 hours, the same key with the same body makes nothing new and answers with what the first request made; 404 once that was deleted; with another body 409 */
                "Idempotency-Key"?: components["parameters"]["idempotency_key"];
            };
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StartRequest"];
            };
        };
        responses: {
            /** @description The job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    uploadFiles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "multipart/form-data": {
                    [key: string]: string;
                };
            };
        };
        responses: {
            /** @description Stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listFiles: {
        parameters: {
            query?: {
                /** @description Relative to the workspace, `/`-separated; absent: the workspace itself */
                path?: components["parameters"]["optional_path"];
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Entries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FilesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteFile: {
        parameters: {
            query: {
                /** @description Relative to the workspace, `/`-separated */
                path: components["parameters"]["path"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    readFile: {
        parameters: {
            query: {
                /** @description Relative to the workspace, `/`-separated */
                path: components["parameters"]["path"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    ETag?: string;
                    "Accept-Ranges"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description A part of the file */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description Not changed */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            416: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    writeFile: {
        parameters: {
            query: {
                /** @description Relative to the workspace, `/`-separated */
                path: components["parameters"]["path"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Written */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileAnswer"];
                };
            };
            412: components["responses"]["Error"];
            507: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    makeDirectory: {
        parameters: {
            query: {
                /** @description Relative to the workspace, `/`-separated */
                path: components["parameters"]["path"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is there */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    renameFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenameRequest"];
            };
        };
        responses: {
            /** @description Renamed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileAnswer"];
                };
            };
            409: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    readArchive: {
        parameters: {
            query?: {
                /** @description Relative to the workspace, `/`-separated; absent: the workspace itself */
                path?: components["parameters"]["optional_path"];
                format?: "zip" | "tar.gz";
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The archive, streamed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": string;
                    "application/gzip": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    createUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UploadCreateRequest"];
            };
        };
        responses: {
            /** @description Begun */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The upload */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    appendUpload: {
        parameters: {
            query: {
                /** @description Where the chunk begins; must be the upload's present offset */
                offset: number;
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadAnswer"];
                };
            };
            409: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    abandonUpload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["workspace_id"];
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listJobs: {
        parameters: {
            query?: {
                workspace_id?: number;
                resource_job_id?: number;
                job_type?: string;
                /** @description Exact status; an unknown one matches nothing */
                status?: string;
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Jobs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobsAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A list of one or none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobsAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    stopJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Queued to stop */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    extendJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExtendRequest"];
            };
        };
        responses: {
            /** @description Extended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    readJobLogs: {
        parameters: {
            query?: {
                /** @description At most so many bytes of what is there. Default 65536 */
                tail_bytes?: number;
                /** @description First byte wanted */
                offset?: number;
                follow?: boolean;
            };
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Output */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listShares: {
        parameters: {
            query?: {
                is_accepted?: "True" | "False" | "1" | "0";
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Shares */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SharesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    createShares: {
        parameters: {
            query?: never;
            header?: {
                /** @description For 24 hours, the same key with the same body makes nothing new and answers with what the first request made; 404 once that was deleted; with another body 409 */
                "Idempotency-Key"?: components["parameters"]["idempotency_key"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ShareCreateRequest"];
            };
        };
        responses: {
            /** @description The shares */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SharesCreatedAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getShare: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the copy */
                shared_workspace_id: components["parameters"]["shared_workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A list of one or none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SharesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteShare: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the copy */
                shared_workspace_id: components["parameters"]["shared_workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Queued */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    acceptShare: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the copy */
                shared_workspace_id: components["parameters"]["shared_workspace_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    streamEvents: {
        parameters: {
            query?: {
                last_event_id?: string;
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListUsers: {
        parameters: {
            query?: {
                /** @description Case-insensitive part of "first last" or of the e-mail, or the whole user name */
                search?: string;
                is_active?: boolean;
                role?: components["schemas"]["Role"];
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUsersAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminCreateUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description For 24 hours, the same key with the same body makes nothing new and answers with what the first request made; 404 once that was deleted; with another body 409 */
                "Idempotency-Key"?: components["parameters"]["idempotency_key"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUserRequest"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminGetUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminDeleteUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user as they were */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminDeactivateUser: {
        parameters: {
            query?: {
                /** @description Stop the user's jobs */
                stop_jobs?: boolean;
            };
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminReactivateUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminSetQuotas: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OwnQuotaChanges"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminSetRole: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RoleRequest"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminSetEmail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmailRequest"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminUserAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListTokens: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Tokens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminTokensAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminRevokeTokens: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminRevokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["user_id"];
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListClients: {
        parameters: {
            query?: {
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Portals */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientsAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminCreateClient: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClientRequest"];
            };
        };
        responses: {
            /** @description The portal and its token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientTokenAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminDeleteClient: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminRotateClient: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The portal and its token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientTokenAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminRevokeSignIns: {
        parameters: {
            query?: {
                /** @description Only what was signed in not before this time, such as 2026-11-23T09:06:47Z; without a zone it is UTC */
                since?: string;
            };
            header?: never;
            path: {
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many there were */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevokedSignInsAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListJobs: {
        parameters: {
            query?: {
                user_id?: number;
                workspace_id?: number;
                status?: components["schemas"]["JobStatus"];
                job_type?: string;
                resource?: string;
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Jobs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminJobsAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminStopJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["job_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListLaunches: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The launches */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnknownLaunchesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminEndLaunch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                launch_key: components["parameters"]["launch_key"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListWorkspaces: {
        parameters: {
            query?: {
                user_id?: number;
                status?: components["schemas"]["WorkspaceStatus"];
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Workspaces */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminWorkspacesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminGetDirectory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The setting */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DirectoryAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminSetDirectory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DirectoryRequest"];
            };
        };
        responses: {
            /** @description The setting */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DirectoryAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    adminListAudit: {
        parameters: {
            query?: {
                actor_user_id?: number;
                action?: components["schemas"]["AuditAction"];
                outcome?: components["schemas"]["AuditOutcome"];
                subject_kind?: components["schemas"]["AuditSubjectKind"];
                subject_id?: number;
                /** @description Not before this time, such as 2026-11-23T09:06:47Z; without a zone it is UTC */
                from?: string;
                /** @description Before this time, likewise */
                until?: string;
                /** @description Rows per page */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the page before */
                cursor?: components["parameters"]["cursor"];
                /** @description A leading minus means descending */
                order?: components["parameters"]["order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Entries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listJobTypes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Job types by id */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobTypesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listParameters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As configured */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ParametersAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listResources: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resources */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResourcesAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getLimits: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The limits */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LimitsAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Status */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatusAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It runs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answer"];
                };
            };
            503: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Text exposition format */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    openSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session's host as recorded by its resource */
                hostname: string;
                job_id: components["parameters"]["job_id"];
                /** @description Anything, slashes included; passed on untouched */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the job's server answers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A ticket was accepted */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
}
